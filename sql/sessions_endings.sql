-- Up to ?2 streams of responder ?1 that have to end.  Walks endings_responder.
SELECT id, stream_id FROM endings WHERE responder = ?1 ORDER BY id LIMIT ?2
