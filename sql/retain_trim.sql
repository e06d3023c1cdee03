-- Delete the 100 oldest events without a key that are older than ?1.  Walks events_created_at.
DELETE FROM main.events WHERE id IN (
    SELECT id FROM events WHERE key IS NULL AND created_at < ?1 ORDER BY created_at LIMIT 100)
