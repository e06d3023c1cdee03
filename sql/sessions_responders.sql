-- The next ?2 responders after ?1 that are entered, or under whose number streams are open.  Walks
-- the primary key, and seeks streams_open once for each.
WITH RECURSIVE holder(id) AS (
  SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder > ?1
  UNION ALL
  SELECT (SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder > holder.id)
  FROM holder WHERE holder.id IS NOT NULL)
SELECT id FROM holder WHERE id IS NOT NULL UNION SELECT id FROM responders WHERE id > ?1
ORDER BY id LIMIT ?2
