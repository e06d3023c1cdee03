-- Delete the sessions made until ?1, whose bookmarks may be lost.  A scan of all sessions, run only
-- after a -wal was taken away.
DELETE FROM sessions WHERE created_at <= ?1
