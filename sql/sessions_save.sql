-- The open stream ?1 may begin again at ?3 of the log ?2.  Touches no index.
UPDATE streams SET epoch = ?2, position = ?3 WHERE id = ?1 AND ended_at IS NULL
