-- Whether there is a session ?1.  Its primary key.
SELECT 1 FROM sessions WHERE id = ?1
