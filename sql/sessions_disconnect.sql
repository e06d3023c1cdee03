-- Order the end of every open stream of session ?1.  Walks streams_session.
INSERT INTO endings(responder, stream_id)
SELECT responder, id FROM streams WHERE session_id = ?1 AND ended_at IS NULL
