-- All rows after ?1 that are not due at the time ?2, in id order.  Walks the primary key from there,
-- as far as the caller steps, and passes over what is due.
-- The second column is the mailbox; NULL: nobody's, which only a row past the triggers can be.
-- The sixth column says whether data is one JSON object.  json_valid() alone would accept other
-- values, too, and stop at a NUL.
SELECT id,
       CASE WHEN session_id IS NULL THEN CASE WHEN channel < '@' OR channel >= 'A' THEN channel END
            WHEN channel = '' AND typeof(session_id) = 'text' THEN '@' || session_id END,
       type, data, created_at,
       CASE WHEN ltrim(substr(data, 1, 64), char(9, 10, 13, 32)) GLOB '{*'
            THEN json_valid(data) AND instr(data, char(0)) = 0 ELSE 0 END,
       key, expires_at
FROM events WHERE id > ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY id
