-- Up to ?3 open streams for the subscription ?2 of the session whose token is ?1.
-- Seeks the token's unique index, then walks streams_session: a row for each stream.
SELECT streams.id FROM sessions JOIN streams ON streams.session_id = sessions.id
WHERE sessions.token = ?1 AND streams.subscription = ?2 AND streams.ended_at IS NULL LIMIT ?3
