-- Delete up to ?2 bookmarks that were left at served time ?1 or before.  Walks streams_ended.
DELETE FROM streams WHERE id IN (
  SELECT id FROM streams WHERE ended_at IS NOT NULL AND ended_at <= ?1
  ORDER BY ended_at LIMIT ?2)
