-- The open stream ?1 ended; it would begin again at ?3 of the log ?2.
UPDATE streams SET epoch = ?2, position = ?3, ended_at = (SELECT served FROM state WHERE one = 1)
WHERE id = ?1 AND ended_at IS NULL
