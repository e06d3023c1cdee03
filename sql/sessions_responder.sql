-- Whether responder ?1 is the process ?2 that started at ?3, and whether its version is entered as
-- ?4.  By the primary key.
SELECT version = ?4 FROM responders WHERE id = ?1 AND pid = ?2 AND started_at = ?3
