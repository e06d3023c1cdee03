-- Up to ?2 sessions that are idle since served time ?1 or longer, and where their streams would
-- begin again.  Walks sessions_idle; a seek of streams_session each.
SELECT id, token, created_at, last_seen_at, reconnections,
       (SELECT min(position) FROM streams WHERE session_id = sessions.id),
       (SELECT min(epoch) FROM streams WHERE session_id = sessions.id),
       (SELECT max(epoch) FROM streams WHERE session_id = sessions.id)
FROM sessions WHERE idle_since IS NOT NULL AND idle_since <= ?1
ORDER BY idle_since LIMIT ?2
