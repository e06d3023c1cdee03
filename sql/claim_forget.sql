-- Delete the ended stream ?1, whose bookmark was taken.  By the primary key.
DELETE FROM streams WHERE id = ?1
