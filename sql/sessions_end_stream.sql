-- The open stream ?1 ended; its bookmark is ?3, under the epoch ?2.  By the primary key; changes
-- streams_open and streams_ended, and the trigger streams_end seeks streams_session.
UPDATE streams SET epoch = ?2, position = ?3, ended_at = (SELECT served FROM state WHERE one = 1)
WHERE id = ?1 AND ended_at IS NULL
