-- The rows after ?3 of one mailbox, which is channel ?2 or session ?1, in id order.  A seek of
-- events_mailbox; the caller steps past rows that are due (claim_due.sql).
SELECT id FROM events WHERE session_id IS ?1 AND channel = ?2 AND id > ?3 ORDER BY id
