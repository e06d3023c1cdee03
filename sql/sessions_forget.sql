-- Up to ?2 bookmarks left at served time ?1 or before are no more.  Walks streams_ended.
DELETE FROM streams WHERE id IN (
  SELECT id FROM streams WHERE ended_at IS NOT NULL AND ended_at <= ?1
  ORDER BY ended_at LIMIT ?2)
