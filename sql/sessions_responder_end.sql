-- The streams that responder ?1 left open have ended.  Walks streams_open.
UPDATE streams SET ended_at = (SELECT served FROM state WHERE one = 1)
WHERE responder = ?1 AND ended_at IS NULL
