-- Up to ?2 orders to end a stream of responder ?1.  Walks endings_responder.
SELECT id, stream_id FROM endings WHERE responder = ?1 ORDER BY id LIMIT ?2
