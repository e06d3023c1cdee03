-- The ids up to ?3 of one mailbox, which is channel ?2 or session ?1, newest first, with their
-- types.  Walks events_mailbox backwards, as far as the caller steps; it passes over rows that are due
-- (claim_due.sql).
SELECT id, type FROM events WHERE session_id IS ?1 AND channel = ?2 AND id <= ?3 ORDER BY id DESC
