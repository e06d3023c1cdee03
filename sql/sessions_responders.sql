-- Every responder that is entered or that streams are open under: a seek of streams_open each.
WITH RECURSIVE holder(id) AS (
  SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder >= 0
  UNION ALL
  SELECT (SELECT min(responder) FROM streams WHERE ended_at IS NULL AND responder > holder.id)
  FROM holder WHERE holder.id IS NOT NULL)
SELECT id FROM holder WHERE id IS NOT NULL UNION SELECT id FROM responders WHERE id > 0
