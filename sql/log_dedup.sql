-- The newest event with dedup key ?1 in the mailbox of session ?2, or of channel ?3: the one for which
-- the INSERT just did nothing, even if its time passed since.  A seek of events_dedup_key.
SELECT id FROM events WHERE dedup_key = ?1 AND session_id IS ?2 AND channel = ?3
ORDER BY id DESC LIMIT 1
