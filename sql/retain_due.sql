-- Whether an event is due at the time ?1.  A seek of events_expires_at.  (For id > 0 see
-- claim_due.sql.)
SELECT 1 FROM events WHERE expires_at <= ?1 AND id > 0 LIMIT 1
