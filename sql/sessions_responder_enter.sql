-- Enter process ?2, which started at ?3, as responder ?1.  By the primary key.
INSERT INTO main.responders(id, pid, started_at) VALUES (?1, ?2, ?3)
ON CONFLICT(id) DO UPDATE SET pid = excluded.pid, started_at = excluded.started_at
