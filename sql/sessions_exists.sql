-- Whether there is a session ?1.  By the primary key.
SELECT 1 FROM sessions WHERE id = ?1
