-- The session of stream ?1, if its client never came back and it has no other stream.  Two primary
-- keys, and a seek of streams_session.
SELECT s.id, s.token FROM streams AS t JOIN sessions AS s ON s.id = t.session_id
WHERE t.id = ?1 AND s.reconnections = 0
  AND NOT EXISTS (SELECT 1 FROM streams AS o WHERE o.session_id = s.id AND o.id <> ?1)
