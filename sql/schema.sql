-- The event log.  Load it with `sqlite3 rowcast.db < sql/schema.sql`, into a new file or into an
-- application's own database, so that the application can publish in its own transactions and
-- triggers.  Loading it again changes nothing.
--
-- Every rule of the data is a trigger, so that it holds for whoever inserts.  Refusals are
-- RAISE(ABORT) in triggers: OR IGNORE swallows constraints without a word, but not these.  The
-- triggers write by upsert and UPDATE only: an outer OR REPLACE turns their OR IGNORE into
-- REPLACE.  The order of several triggers of one event is undefined, so there is one of each.

PRAGMA journal_mode = WAL;

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the log; only grows
    channel    TEXT NOT NULL DEFAULT '',          -- '': to everyone
    session_id TEXT,                              -- NULL, or the one session it is for
    type       TEXT NOT NULL DEFAULT 'message',
    data       TEXT NOT NULL DEFAULT '',
    dedup_key  TEXT,                              -- NULL, or once within its mailbox
    created_at INTEGER NOT NULL                   -- milliseconds since 1970
               DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
);

-- A mailbox in id order, and the count of some types in it without a look at the rows.
CREATE INDEX IF NOT EXISTS events_mailbox ON events(session_id, channel, id, type);
CREATE INDEX IF NOT EXISTS events_created_at ON events(created_at);
-- Not UNIQUE: a conflict would make OR REPLACE delete the older row, and no trigger would know.
CREATE INDEX IF NOT EXISTS events_dedup_key ON events(dedup_key, session_id, channel)
    WHERE dedup_key IS NOT NULL;

-- One row a mailbox that has, or lately had, events: a channel, or '@' and a session's id.
CREATE TABLE IF NOT EXISTS rowcast_channels (
    mailbox    TEXT PRIMARY KEY NOT NULL,
    kept       INTEGER NOT NULL DEFAULT 0, -- events it has now
    trimmed_to INTEGER NOT NULL DEFAULT 0, -- the newest id that left it
    last_at    INTEGER NOT NULL DEFAULT 0  -- when its last event came, in ms since 1970
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rowcast_channels_trimmed_to ON rowcast_channels(trimmed_to);

-- What is true of the log as a whole, in one row.
CREATE TABLE IF NOT EXISTS rowcast_log (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    version        INTEGER NOT NULL,           -- of this schema
    epoch          TEXT    NOT NULL,           -- eight hex digits, another for each log
    last_id        INTEGER NOT NULL DEFAULT 0, -- the newest id ever given
    trimmed_to     INTEGER NOT NULL DEFAULT 0, -- the newest id that left any mailbox
    forgotten_to   INTEGER NOT NULL DEFAULT 0, -- the same, of mailboxes that are forgotten
    bytes          INTEGER NOT NULL DEFAULT 0, -- of all events: their data and 200 each
    excess         INTEGER NOT NULL DEFAULT 0, -- a note from one trigger to another
    config_version INTEGER NOT NULL DEFAULT 0  -- moves with each change of rowcast_config
);
INSERT INTO rowcast_log(one, version, epoch)
    SELECT 1, 1, lower(hex(randomblob(4))) WHERE NOT EXISTS (SELECT 1 FROM rowcast_log);

-- Settings, in force within a second:
--     UPDATE rowcast_config SET value = 500 WHERE name = 'buffer_size';
-- A log of an earlier version gains those it does not have, and the rules for them: hence the
-- two triggers go first.
CREATE TABLE IF NOT EXISTS rowcast_config (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
DROP TRIGGER IF EXISTS rowcast_config_insert;
DROP TRIGGER IF EXISTS rowcast_config_update;
INSERT INTO rowcast_config(name, value)
    SELECT column1, column2 FROM (VALUES
        ('buffer_size',         '1000'),       -- events kept in each mailbox
        ('buffer_age',          '86400'),      -- seconds an event is kept; 0: no limit
        ('buffer_bytes',        '67108864'),   -- bytes kept in all; 0: no limit
        ('buffer_ttl',          '30'),         -- seconds a session outlives its last stream
        ('enable_reconnection', '1'),          -- 0: no sessions, no ids, no replay
        ('cleanup_interval',    '10'),         -- seconds between rounds of expiry
        ('heartbeat_interval',  '15'),         -- seconds
        ('retry',               '3000'),       -- ms until a client comes back
        ('stream_max_age',      '0'),          -- seconds until a stream comes back; 0: no limit
        ('max_event_bytes',     '1048576'),    -- bytes of data of one event
        ('tail_bytes',          '8388608'),    -- newest events in memory
        ('memory_bytes',        '50331648'),   -- all events in memory
        ('mark_replayed',       '1'),          -- adds _replayed to replayed objects
        ('publish_token',       ''),           -- '': HTTP publishing is closed
        ('session_check',       'user_agent'), -- or none
        ('meta_headers',        ''),           -- request headers that a session keeps
        ('cookie_name',         'sse-session-id'),
        ('cookie_path',         '')            -- '': the folder of the stream
    ) WHERE column1 NOT IN (SELECT name FROM rowcast_config);

CREATE TRIGGER IF NOT EXISTS rowcast_config_update BEFORE UPDATE ON rowcast_config
BEGIN
    SELECT CASE
        WHEN NEW.name IS NOT OLD.name
            THEN RAISE(ABORT, 'a setting cannot be renamed')
        WHEN typeof(NEW.value) <> 'text' OR instr(NEW.value, char(0))
            THEN RAISE(ABORT, 'the value of a setting must be text')
        WHEN NEW.name = 'buffer_size' AND n NOT BETWEEN 1 AND 10000000
            THEN RAISE(ABORT, 'buffer_size must be a whole number of events from 1 to 10000000')
        WHEN NEW.name = 'buffer_age' AND n NOT BETWEEN 0 AND 3153600000
            THEN RAISE(ABORT, 'buffer_age must be whole seconds from 1 to 3153600000, or 0 for no limit')
        WHEN NEW.name = 'buffer_bytes' AND n <> 0 AND n NOT BETWEEN 65536 AND 1099511627776
            THEN RAISE(ABORT, 'buffer_bytes must be a whole number from 65536 to 1099511627776, or 0 for no limit')
        WHEN NEW.name = 'buffer_ttl' AND n NOT BETWEEN 1 AND 31536000
            THEN RAISE(ABORT, 'buffer_ttl must be whole seconds from 1 to 31536000')
        WHEN NEW.name = 'enable_reconnection' AND NEW.value NOT IN ('0', '1')
            THEN RAISE(ABORT, 'enable_reconnection must be 0 or 1')
        WHEN NEW.name = 'cleanup_interval' AND n NOT BETWEEN 1 AND 3600
            THEN RAISE(ABORT, 'cleanup_interval must be whole seconds from 1 to 3600')
        WHEN NEW.name = 'heartbeat_interval' AND n NOT BETWEEN 1 AND 3600
            THEN RAISE(ABORT, 'heartbeat_interval must be whole seconds from 1 to 3600')
        WHEN NEW.name = 'retry' AND n NOT BETWEEN 100 AND 3600000
            THEN RAISE(ABORT, 'retry must be whole milliseconds from 100 to 3600000')
        WHEN NEW.name = 'stream_max_age' AND n NOT BETWEEN 0 AND 31536000
            THEN RAISE(ABORT, 'stream_max_age must be whole seconds from 1 to 31536000, or 0 for no limit')
        WHEN NEW.name = 'max_event_bytes' AND n NOT BETWEEN 1024 AND 16777216
            THEN RAISE(ABORT, 'max_event_bytes must be a whole number from 1024 to 16777216')
        WHEN NEW.name = 'tail_bytes' AND n NOT BETWEEN 65536 AND 1073741824
            THEN RAISE(ABORT, 'tail_bytes must be a whole number from 65536 to 1073741824')
        WHEN NEW.name = 'memory_bytes' AND n NOT BETWEEN 1048576 AND 17179869184
            THEN RAISE(ABORT, 'memory_bytes must be a whole number from 1048576 to 17179869184')
        WHEN NEW.name = 'mark_replayed' AND NEW.value NOT IN ('0', '1')
            THEN RAISE(ABORT, 'mark_replayed must be 0 or 1')
        WHEN NEW.name = 'publish_token'
             AND (length(NEW.value) > 256 OR NEW.value GLOB '*[^!-~]*')
            THEN RAISE(ABORT, 'publish_token must be at most 256 printable ASCII characters without spaces, or empty')
        WHEN NEW.name = 'session_check' AND NEW.value NOT IN ('user_agent', 'none')
            THEN RAISE(ABORT, 'session_check must be user_agent or none')
        WHEN NEW.name = 'meta_headers'
             AND (length(NEW.value) > 1024 OR NEW.value GLOB '*[^-A-Za-z0-9_, ]*')
            THEN RAISE(ABORT, 'meta_headers must be names of headers separated by commas, at most 1024 characters')
        WHEN NEW.name = 'cookie_name'
             AND (length(NEW.value) NOT BETWEEN 1 AND 64 OR NEW.value GLOB '*[^-A-Za-z0-9_.]*'
                  OR NEW.value GLOB '[^A-Za-z0-9]*')
            THEN RAISE(ABORT, 'cookie_name must be 1 to 64 letters, digits, dashes, underscores and points, a letter or digit first')
        WHEN NEW.name = 'cookie_path' AND NEW.value <> ''
             AND (length(NEW.value) > 256 OR NEW.value NOT GLOB '/*' OR NEW.value GLOB '*[^!-~]*'
                  OR NEW.value GLOB '*[;,"\]*')
            THEN RAISE(ABORT, 'cookie_path must be empty, or a path that begins with / and has no blanks, quotes, commas, semicolons or backslashes, at most 256 characters')
    END FROM (SELECT CASE WHEN NEW.value NOT GLOB '*[^0-9]*' AND NEW.value NOT GLOB '0?*' AND length(NEW.value) BETWEEN 1 AND 15
                          THEN CAST(NEW.value AS INTEGER) ELSE -1 END AS n);
END;
CREATE TRIGGER IF NOT EXISTS rowcast_config_updated AFTER UPDATE ON rowcast_config
BEGIN
    UPDATE rowcast_log SET config_version = config_version + 1 WHERE one = 1;
END;
-- An INSERT, also OR REPLACE, of a setting that is there (they all are) changes it.
CREATE TRIGGER IF NOT EXISTS rowcast_config_insert BEFORE INSERT ON rowcast_config
BEGIN
    SELECT RAISE(ABORT, 'there is no setting of this name')
        WHERE NOT EXISTS (SELECT 1 FROM rowcast_config WHERE name = NEW.name);
    UPDATE rowcast_config SET value = NEW.value WHERE name = NEW.name;
    SELECT RAISE(IGNORE);
END;
CREATE TRIGGER IF NOT EXISTS rowcast_config_delete BEFORE DELETE ON rowcast_config
BEGIN
    SELECT RAISE(ABORT, 'a setting cannot be deleted');
END;

CREATE TRIGGER IF NOT EXISTS rowcast_log_delete BEFORE DELETE ON rowcast_log
BEGIN
    SELECT RAISE(ABORT, 'the row of rowcast_log cannot be deleted');
END;
CREATE TRIGGER IF NOT EXISTS rowcast_log_insert BEFORE INSERT ON rowcast_log
BEGIN
    SELECT RAISE(ABORT, 'rowcast_log has one row and keeps it');
END;

-- A mailbox that is forgotten was trimmed no further than forgotten_to.
CREATE TRIGGER IF NOT EXISTS rowcast_channels_delete BEFORE DELETE ON rowcast_channels
BEGIN
    SELECT RAISE(ABORT, 'a mailbox that keeps events cannot be forgotten: delete its events first')
        WHERE OLD.kept > 0;
    UPDATE rowcast_log SET forgotten_to = OLD.trimmed_to
        WHERE one = 1 AND forgotten_to < OLD.trimmed_to;
END;

CREATE TRIGGER IF NOT EXISTS events_insert BEFORE INSERT ON events
BEGIN
    SELECT CASE
        WHEN NEW.id <> -1 -- what an id that was left out looks like here
            THEN RAISE(ABORT, 'id must be left out: the log gives it')
        WHEN typeof(NEW.channel) <> 'text' OR typeof(NEW.type) <> 'text'
             OR typeof(NEW.data) <> 'text'
            THEN RAISE(ABORT, 'channel, type and data must be text, not NULL and not a BLOB')
        WHEN NEW.session_id IS NOT NULL AND NEW.channel <> ''
            THEN RAISE(ABORT, 'an event is for a session_id or for a channel, not for both')
        WHEN NEW.channel <> '' AND (length(CAST(NEW.channel AS BLOB)) > 128
             OR instr(NEW.channel, char(10)) OR instr(NEW.channel, char(13))
             OR instr(NEW.channel, char(0)))
            THEN RAISE(ABORT, 'channel must be at most 128 bytes without CR, LF and NUL')
        WHEN NEW.channel <> '' AND (substr(NEW.channel, 1, 1) = '@'
             OR substr(NEW.channel, 1, 5) = 'user:' OR substr(NEW.channel, 1, 8) = 'rowcast:')
            THEN RAISE(ABORT, 'channels that begin with @, user: or rowcast: are reserved')
        WHEN NEW.session_id IS NOT NULL AND (typeof(NEW.session_id) <> 'text'
             OR length(CAST(NEW.session_id AS BLOB)) NOT BETWEEN 1 AND 128
             OR instr(NEW.session_id, char(10)) OR instr(NEW.session_id, char(13))
             OR instr(NEW.session_id, char(0)))
            THEN RAISE(ABORT, 'session_id must be NULL, or 1 to 128 bytes of text without CR, LF and NUL')
        WHEN length(CAST(NEW.type AS BLOB)) NOT BETWEEN 1 AND 128
             OR instr(NEW.type, char(10)) OR instr(NEW.type, char(13)) OR instr(NEW.type, char(0))
            THEN RAISE(ABORT, 'type must be 1 to 128 bytes without CR, LF and NUL')
        WHEN CASE NEW.type
                 WHEN 'open' THEN 1 WHEN 'error' THEN 1 WHEN 'opening' THEN 1
                 WHEN 'connected' THEN 1 WHEN 'gap' THEN 1 WHEN 'replay-start' THEN 1
                 WHEN 'replay-end' THEN 1 WHEN 'heartbeat' THEN 1 WHEN 'later' THEN 1 END
            THEN RAISE(ABORT, 'type is a word of the protocol: open, error, opening, connected, gap, replay-start, replay-end, heartbeat and later are reserved')
        WHEN length(CAST(NEW.data AS BLOB)) > 1024 -- the smallest limit there can be
             AND length(CAST(NEW.data AS BLOB)) >
                 (SELECT CAST(value AS INTEGER) FROM rowcast_config WHERE name = 'max_event_bytes')
            THEN RAISE(ABORT, 'data is larger than max_event_bytes in rowcast_config allows')
        WHEN NEW.dedup_key IS NOT NULL AND (typeof(NEW.dedup_key) <> 'text'
             OR length(CAST(NEW.dedup_key AS BLOB)) NOT BETWEEN 1 AND 128)
            THEN RAISE(ABORT, 'dedup_key must be NULL, or 1 to 128 bytes of text')
        WHEN typeof(NEW.created_at) <> 'integer' OR NEW.created_at NOT BETWEEN 0 AND 253402300799999
            THEN RAISE(ABORT, 'created_at must be milliseconds since 1970, an integer')
        -- The same key again: the insert does nothing, so a publisher may safely retry.
        WHEN NEW.dedup_key IS NOT NULL
             AND EXISTS (SELECT 1 FROM events WHERE dedup_key = NEW.dedup_key
                             AND session_id IS NEW.session_id AND channel = NEW.channel)
            THEN RAISE(IGNORE)
    END;
END;

CREATE TRIGGER IF NOT EXISTS events_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events cannot be changed: insert another one');
END;

-- Enter the event in the books, and let go of what is beyond the bounds.  Of its mailbox that is
-- the oldest event, usually one.  Age and bytes follow from the last statement, which fires the
-- two triggers below.  Where a bound was lowered, no more than 100 events go for each reason, so
-- that no publisher waits long.  (Why it is written like this: an IN (SELECT …) makes a
-- temporary table, 60 µs, more than all the rest; a DELETE that finds nothing costs 2 µs, a
-- WHEN less than one.)
CREATE TRIGGER IF NOT EXISTS events_inserted AFTER INSERT ON events
BEGIN
    SELECT CASE
        WHEN NEW.id < 1
            THEN RAISE(ABORT, 'id must be left out: the log gives it')
        WHEN NEW.id <= last_id
            THEN RAISE(ABORT, 'ids went back: sqlite_sequence was changed; set its seq for events to last_id of rowcast_log')
    END FROM rowcast_log WHERE one = 1;

    INSERT INTO rowcast_channels(mailbox, kept, trimmed_to, last_at)
        SELECT CASE WHEN NEW.session_id IS NULL THEN NEW.channel ELSE '@' || NEW.session_id END,
               1, forgotten_to,
               CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
        FROM rowcast_log WHERE one = 1
        ON CONFLICT(mailbox) DO UPDATE SET kept = kept + 1, last_at = excluded.last_at;

    DELETE FROM events WHERE session_id IS NEW.session_id AND channel = NEW.channel AND id <= (
        SELECT max(id) FROM (
            SELECT id FROM events WHERE session_id IS NEW.session_id AND channel = NEW.channel
            ORDER BY id LIMIT (
                SELECT max(0, min(100, kept - CAST(value AS INTEGER)))
                FROM rowcast_channels, rowcast_config
                WHERE name = 'buffer_size' AND mailbox =
                    CASE WHEN NEW.session_id IS NULL THEN NEW.channel ELSE '@' || NEW.session_id END)));

    UPDATE rowcast_log
        SET last_id = NEW.id, bytes = bytes + 200 + length(CAST(NEW.data AS BLOB))
        WHERE one = 1;
END;

-- At each insert: the two oldest events that are older than buffer_age.
CREATE TRIGGER IF NOT EXISTS rowcast_log_old AFTER UPDATE OF last_id ON rowcast_log
    WHEN (SELECT min(created_at) FROM events) < (
        SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) - value * 1000
        FROM rowcast_config WHERE name = 'buffer_age' AND value <> '0')
BEGIN
    DELETE FROM events WHERE id = (SELECT id FROM events ORDER BY created_at LIMIT 1);
    DELETE FROM events WHERE id = (
        SELECT id FROM events WHERE created_at < (
            SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) - value * 1000
            FROM rowcast_config WHERE name = 'buffer_age')
        ORDER BY created_at LIMIT 1);
END;

-- At each insert: the oldest event while there are more than buffer_bytes, but not the newest.
CREATE TRIGGER IF NOT EXISTS rowcast_log_full AFTER UPDATE OF last_id ON rowcast_log
    WHEN NEW.bytes > (SELECT CAST(value AS INTEGER) FROM rowcast_config
                      WHERE name = 'buffer_bytes' AND value <> '0')
BEGIN
    DELETE FROM events WHERE id = (SELECT min(id) FROM events) AND id < NEW.last_id;
    UPDATE rowcast_log
        SET excess = bytes - (SELECT value FROM rowcast_config WHERE name = 'buffer_bytes')
        WHERE one = 1
              AND bytes > (SELECT CAST(value AS INTEGER) FROM rowcast_config WHERE name = 'buffer_bytes');
END;
-- One was not enough: as many as the newest needs, and up to 100.
CREATE TRIGGER IF NOT EXISTS rowcast_log_excess AFTER UPDATE OF excess ON rowcast_log
BEGIN
    DELETE FROM events WHERE id < NEW.last_id AND id <= (
        WITH RECURSIVE
            newest(bytes) AS (
                SELECT 200 + length(CAST(data AS BLOB)) FROM events WHERE id = NEW.last_id),
            oldest(n, id, freed) AS (
                VALUES (0, 0, 0)
                UNION ALL
                SELECT n + 1, events.id, freed + 200 + length(CAST(events.data AS BLOB))
                FROM oldest, events
                WHERE freed < NEW.excess AND (n < 99 OR freed < (SELECT bytes FROM newest))
                  AND events.id = (SELECT min(e.id) FROM events AS e WHERE e.id > oldest.id))
        SELECT max(id) FROM oldest);
END;

-- Whoever deletes, the mailbox and the log remember how far: streams are told.
CREATE TRIGGER IF NOT EXISTS events_deleted AFTER DELETE ON events
BEGIN
    INSERT INTO rowcast_channels(mailbox, kept, trimmed_to)
        VALUES (CASE WHEN OLD.session_id IS NULL THEN OLD.channel ELSE '@' || OLD.session_id END,
                0, OLD.id)
        ON CONFLICT(mailbox) DO UPDATE
            SET kept = kept - 1, trimmed_to = max(trimmed_to, excluded.trimmed_to);
    UPDATE rowcast_log
        SET trimmed_to = max(trimmed_to, OLD.id),
            bytes = bytes - 200 - length(CAST(OLD.data AS BLOB))
        WHERE one = 1;
END;

COMMIT;
