-- Append an event to channel ?1 or to session ?2, with type ?3, data ?4 and dedup key ?5.  Does
-- nothing if a row of the mailbox has the same key.  About 8 µs, with its triggers.
INSERT INTO main.events(channel, session_id, type, data, dedup_key) VALUES (?1, ?2, ?3, ?4, ?5)
