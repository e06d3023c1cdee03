-- The rows of one mailbox after ?3 that are not due at the time ?4, in id order: channel ?2, or
-- session ?1 if ?2 is ''.  Walks events_mailbox from there, as far as the caller steps, and passes
-- over what is due.  Columns as in log_read.sql.
SELECT id, NULL, type, data, created_at,
       CASE WHEN ltrim(substr(data, 1, 64), char(9, 10, 13, 32)) GLOB '{*'
            THEN json_valid(data) AND instr(data, char(0)) = 0 ELSE 0 END,
       key, expires_at
FROM events WHERE session_id IS ?1 AND channel = ?2 AND id > ?3
    AND (expires_at IS NULL OR expires_at > ?4) ORDER BY id
