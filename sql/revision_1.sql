-- For a connection to a log of revision 1 that could not be upgraded: statements that read find the
-- columns that it lacks.  Those that write name main.events.
CREATE TEMP VIEW IF NOT EXISTS events AS
    SELECT id, channel, session_id, type, data, dedup_key, created_at,
           NULL AS key, NULL AS expires_at
    FROM main.events;
CREATE TEMP TABLE IF NOT EXISTS rowcast_removed(mailbox TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;
