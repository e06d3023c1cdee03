-- The believed time is ?1, another is doubted since ?2 (0: none is), and ?3 was the last look.  One
-- row, by the primary key.
UPDATE rowcast_clock SET believed_at = ?1, doubted_at = ?2, seen_at = ?3 WHERE one = 1
