-- The oldest row after ?3 of one mailbox, which is channel ?2 or session ?1.  A seek of
-- events_mailbox.
SELECT id FROM events WHERE session_id IS ?1 AND channel = ?2 AND id > ?3 ORDER BY id LIMIT 1
