-- The bookmarks of session ?1 for the subscription ?2, of ended and open streams.
-- Walks streams_session.
SELECT id, epoch, position, ended_at IS NOT NULL FROM streams
WHERE session_id = ?1 AND subscription = ?2
