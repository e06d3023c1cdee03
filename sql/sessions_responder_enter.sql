-- Responder ?1 is the process ?2, since ?3.
INSERT INTO responders(id, pid, started_at) VALUES (?1, ?2, ?3)
ON CONFLICT(id) DO UPDATE SET pid = excluded.pid, started_at = excluded.started_at
