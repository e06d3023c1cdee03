-- Whether responder ?1 is the process ?2 that started at ?3.  By the primary key.
SELECT 1 FROM responders WHERE id = ?1 AND pid = ?2 AND started_at = ?3
