-- Append an event to channel ?1 or to session ?2, with type ?3, data ?4, dedup key ?5 and key ?6,
-- which expires in ?7 seconds (0: never).  Does nothing if a row of the mailbox has the same dedup
-- key.  About 8 µs, with its triggers.
INSERT INTO main.events(channel, session_id, type, data, dedup_key, key, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6,
        CASE WHEN ?7 > 0
             THEN CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + ?7 * 1000 END)
