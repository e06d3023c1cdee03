-- Delete the 100 events that have been due for longest at the time ?1.  Walks events_expires_at.
DELETE FROM main.events WHERE id IN (
    SELECT id FROM events WHERE expires_at <= ?1 AND id > 0 ORDER BY expires_at LIMIT 100)
