-- The event with dedup key ?1 in the mailbox of session ?2, or of channel ?3, unless its time has
-- passed.  A seek of events_dedup_key.
SELECT id FROM events WHERE dedup_key = ?1 AND session_id IS ?2 AND channel = ?3
    AND ifnull(expires_at > (julianday() - 2440587.5) * 86400000 + 0.5, 1)
