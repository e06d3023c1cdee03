-- Views over both files, for people:
--     sqlite3 -init sql/views.sql rowcast.db
-- The views are TEMP, since a permanent one cannot name another file's tables.  An account that may
-- not read the sessions (mode 0600: use the responder's account) gets errors for their views, and
-- can use the others.

.timeout 1000

-- The newest events: their mailboxes, types, keys and data, when they came and when they expire.
CREATE TEMP VIEW recent_events AS
    SELECT id, CASE WHEN session_id IS NULL THEN channel ELSE '@' || session_id END AS mailbox,
           type, key, substr(data, 1, 60) AS data,
           datetime(created_at / 1000, 'unixepoch', 'localtime') AS created,
           datetime(expires_at / 1000, 'unixepoch', 'localtime') AS expires
    FROM events ORDER BY id DESC LIMIT 50;

-- What each mailbox keeps, how many of these events have a key, and up to which id it was trimmed.
CREATE TEMP VIEW mailboxes AS
    SELECT mailbox, kept,
           (SELECT count(*) FROM events
            WHERE session_id IS iif(mailbox GLOB '@*', substr(mailbox, 2), NULL)
                  AND channel = iif(mailbox GLOB '@*', '', mailbox) AND key IS NOT NULL) AS keys,
           trimmed_to,
           datetime(last_at / 1000, 'unixepoch', 'localtime') AS last_event
    FROM rowcast_channels ORDER BY mailbox;

-- The log as a whole.
CREATE TEMP VIEW log AS
    SELECT epoch, last_id, (SELECT count(*) FROM events) AS kept, bytes, trimmed_to,
           forgotten_to, config_version, version
    FROM rowcast_log;

ATTACH (SELECT file || '.sessions' FROM pragma_database_list WHERE name = 'main') AS sessions_file;

-- The clients that may come back, with their open streams and the events kept for them.  No token.
CREATE TEMP VIEW clients AS
    SELECT s.id, s.remote_addr, s.reconnections, s.subscriptions,
           (SELECT count(*) FROM sessions_file.streams
            WHERE session_id = s.id AND ended_at IS NULL) AS streams,
           (SELECT kept FROM main.rowcast_channels WHERE mailbox = '@' || s.id) AS kept,
           datetime(s.last_seen_at / 1000, 'unixepoch', 'localtime') AS last_seen,
           s.user_agent
    FROM sessions_file.sessions AS s ORDER BY s.last_seen_at DESC;

-- The open streams, and how far behind the log's end each bookmark is.
CREATE TEMP VIEW open_streams AS
    SELECT id, session_id, responder, position,
           (SELECT last_id FROM main.rowcast_log) - position AS behind,
           datetime(opened_at / 1000, 'unixepoch', 'localtime') AS opened
    FROM sessions_file.streams WHERE ended_at IS NULL ORDER BY id;
