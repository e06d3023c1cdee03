-- The bookmark ?1 was taken.
DELETE FROM streams WHERE id = ?1
