-- The next ?2 responders behind ?1 that are entered or that streams are open under: a seek of
-- streams_open each.
WITH RECURSIVE holder(id) AS (
  SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder > ?1
  UNION ALL
  SELECT (SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder > holder.id)
  FROM holder WHERE holder.id IS NOT NULL)
SELECT id FROM holder WHERE id IS NOT NULL UNION SELECT id FROM responders WHERE id > ?1
ORDER BY id LIMIT ?2
