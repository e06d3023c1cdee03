-- Up to ?2 sessions that are idle since served time ?1 or longer are no more; gives their ids.
-- Walks sessions_idle; the trigger takes their bookmarks along.
DELETE FROM sessions WHERE id IN (
  SELECT id FROM sessions WHERE idle_since IS NOT NULL AND idle_since <= ?1
  ORDER BY idle_since LIMIT ?2)
RETURNING id
