-- Whether an event without a key is older than ?1.  A seek of events_created_at.
SELECT 1 FROM events WHERE key IS NULL AND created_at < ?1 LIMIT 1
