-- Up to ?2 sessions that have been idle since served time ?1 or longer, with their smallest bookmark
-- and the range of its epochs.  Walks sessions_idle, and streams_session three times for each.
SELECT id, token, created_at, last_seen_at, reconnections,
       (SELECT min(position) FROM streams WHERE session_id = sessions.id),
       (SELECT min(epoch) FROM streams WHERE session_id = sessions.id),
       (SELECT max(epoch) FROM streams WHERE session_id = sessions.id)
FROM sessions WHERE idle_since IS NOT NULL AND idle_since <= ?1
ORDER BY idle_since LIMIT ?2
