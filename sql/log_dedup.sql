-- The event with dedup key ?1 in the mailbox of session ?2, or of channel ?3.  A seek of
-- events_dedup_key.
SELECT id FROM events WHERE dedup_key = ?1 AND session_id IS ?2 AND channel = ?3
