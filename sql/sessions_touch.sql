-- The session of stream ?1 was seen at ?2.  Two primary keys.
UPDATE sessions SET last_seen_at = ?2
WHERE id = (SELECT session_id FROM streams WHERE id = ?1)
