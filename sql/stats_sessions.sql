-- How many streams are open, to how many sessions they belong, and how many sessions there are.  ?1
-- is a JSON array of the responders that live.  Walks their part of streams_open, and the index of
-- the tokens.
SELECT (SELECT count(*) FROM streams
        WHERE ended_at IS NULL AND responder IN (SELECT value FROM json_each(?1))),
       (SELECT count(DISTINCT session_id) FROM streams
        WHERE ended_at IS NULL AND responder IN (SELECT value FROM json_each(?1))),
       (SELECT count(*) FROM sessions WHERE token > '')
