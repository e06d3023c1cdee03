-- Delete the 100 oldest events that are older than ?1.  Walks events_created_at.
DELETE FROM events WHERE id IN (
    SELECT id FROM events WHERE created_at < ?1 ORDER BY created_at LIMIT 100)
