-- The newest row in (?2, ?3] of the mailbox of session ?1.  A seek of events_mailbox.  It may be due:
-- then the stream asks for this mailbox once more than it needs to, and nothing is missed.
SELECT id FROM events WHERE session_id IS ?1 AND channel = '' AND id > ?2 AND id <= ?3
ORDER BY id DESC LIMIT 1
