-- Whether an event is older than ?1.  A seek of events_created_at.
SELECT 1 FROM events WHERE created_at < ?1 LIMIT 1
