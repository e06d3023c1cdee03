-- The oldest ?2 events of session ?1 go.  Walks events_mailbox.
DELETE FROM events WHERE id IN (
  SELECT id FROM events WHERE session_id IS ?1 AND channel = '' ORDER BY id LIMIT ?2)
