-- Whether the mailbox of session ?1 keeps anything.  A seek of events_mailbox.
SELECT 1 FROM events WHERE session_id IS ?1 AND channel = '' LIMIT 1
