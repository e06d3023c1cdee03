-- Up to 1000 of the class ?1 (lasting or not) are remembered no more, the oldest beyond the newest
-- ?2.  Walks departed_lasting.
DELETE FROM departed WHERE id IN (
  SELECT id FROM departed WHERE lasting = ?1 AND id < (
    SELECT id FROM departed WHERE lasting = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2 - 1)
  ORDER BY id LIMIT 1000)
