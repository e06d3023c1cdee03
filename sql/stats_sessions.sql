-- Open streams, the sessions they belong to, and all sessions; ?1 is the numbers of the responders
-- that live, as an array that json_each makes a table of.  Walks streams_open for those, and one
-- index of sessions.
SELECT (SELECT count(*) FROM streams
        WHERE ended_at IS NULL AND responder IN (SELECT value FROM json_each(?1))),
       (SELECT count(DISTINCT session_id) FROM streams
        WHERE ended_at IS NULL AND responder IN (SELECT value FROM json_each(?1))),
       (SELECT count(*) FROM sessions WHERE token > '')
