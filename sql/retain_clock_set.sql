-- Believe ?1, doubt since ?2 (0: not), seen at ?3.
UPDATE rowcast_clock SET believed_at = ?1, doubted_at = ?2, seen_at = ?3 WHERE one = 1
