-- Keep the newest ?2 notes of class ?1 (lasting or not): delete up to 1000 of the others, oldest
-- first.  Walks ?2 entries of departed_lasting.
DELETE FROM departed WHERE id IN (
  SELECT id FROM departed WHERE lasting = ?1 AND id < (
    SELECT id FROM departed WHERE lasting = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2 - 1)
  ORDER BY id LIMIT 1000)
