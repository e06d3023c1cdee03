-- Delete the oldest ?2 events of session ?1.  Walks events_mailbox.
DELETE FROM main.events WHERE id IN (
  SELECT id FROM events WHERE session_id IS ?1 AND channel = '' ORDER BY id LIMIT ?2)
