-- Open a stream.  Its id is the time in microseconds, ?7, but greater than any other id, so that it
-- is never taken for an older stream, not even one of a file that this one replaced.  A seek of the
-- primary key; writes one row, streams_session and streams_open.
INSERT INTO streams(id, session_id, responder, subscription, epoch, position, opened_at)
VALUES (max(?7, 1 + ifnull((SELECT max(id) FROM streams), 0)), ?1, ?2, ?3, ?4, ?5, ?6)
