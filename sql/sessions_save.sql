-- The open stream ?1 has the bookmark ?3 under the epoch ?2.  By the primary key; changes no index.
UPDATE streams SET epoch = ?2, position = ?3 WHERE id = ?1 AND ended_at IS NULL
