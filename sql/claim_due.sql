-- What is due at the time ?1, the latest first, ?2 rows at most: id, mailbox (as in log_read.sql)
-- and type.  Walks events_expires_at backwards, and never the data; a seek if nothing is due.  (Where
-- a log of revision 1 could not be upgraded, expires_at is always NULL.  There id > 0 gives the
-- planner an index, which is never walked; without it the plan would be a scan.)
SELECT id,
       CASE WHEN session_id IS NULL THEN CASE WHEN channel < '@' OR channel >= 'A' THEN channel END
            WHEN channel = '' AND typeof(session_id) = 'text' THEN '@' || session_id END,
       type
FROM events WHERE expires_at <= ?1 AND id > 0 ORDER BY expires_at DESC LIMIT ?2
