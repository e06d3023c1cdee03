-- Append an event: to channel ?1 or to session ?2, type ?3, data ?4, dedup key ?5.  A row of the
-- same mailbox and key makes it do nothing.
INSERT INTO events(channel, session_id, type, data, dedup_key) VALUES (?1, ?2, ?3, ?4, ?5)
