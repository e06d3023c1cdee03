-- The bookmarks of session ?1 for the subscription ?2, of open and ended streams.  Walks
-- streams_session: a row for each.
SELECT id, epoch, position, ended_at IS NOT NULL FROM streams
WHERE session_id = ?1 AND subscription = ?2
