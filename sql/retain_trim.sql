-- The 100 oldest of the events older than ?1 go.  Walks events_created_at.
DELETE FROM events WHERE id IN (
    SELECT id FROM events WHERE created_at < ?1 ORDER BY created_at LIMIT 100)
