-- The event log.  Load it with `sqlite3 -bail rowcast.db < sql/schema.sql`, into a new file or into
-- an application's own database, so that the application can publish in its own transactions and
-- triggers.  Loading it again creates what is missing and changes nothing else.  If triggers were
-- missing, it also recounts the books (what rowcast_log and rowcast_channels say).  It does not load
-- into a log of an earlier revision: the program upgrades such a log when it opens it, and so does
-- `rowcast.fcgi --check`.
--
-- Every rule of the data is a trigger, so that it holds for whoever inserts.  Refusals are
-- RAISE(ABORT) in triggers: OR IGNORE silently swallows constraints, but not these.  The triggers
-- write by upsert and UPDATE only, because an outer OR REPLACE would turn their OR IGNORE into
-- REPLACE.  SQLite does not define the order of several triggers of one event, so there is one of
-- each.

-- The schema is loaded as a whole or not at all, also by a sqlite3 shell without -bail, which goes
-- on after an error.  The guard comes first.  If it refuses, its ROLLBACK takes the savepoint
-- rowcast_free away, so RELEASE fails, and the transaction of rowcast_refused stays open: nothing
-- below is ever committed, and the journal mode is not changed.  At the end the guard checks once
-- more that the schema is complete, since a lock may have kept some statements from doing anything.
DROP TABLE IF EXISTS temp.rowcast_load;
CREATE TEMP TABLE rowcast_load (
    own     INTEGER CONSTRAINT "the database has a table events of its own, so it cannot be a log: use another file; nothing was changed" CHECK (own = 0),
    old     INTEGER CONSTRAINT "the event log was made by an earlier version of Rowcast: run rowcast.fcgi --check, which upgrades it, and load this file again; nothing was changed" CHECK (old = 0),
    lacks   INTEGER CONSTRAINT "the schema could not be loaded, for the reason of the errors above; nothing was changed" CHECK (lacks = 0),
    was_there INTEGER, -- it is not loaded for the first time
    recount INTEGER,   -- the books have to be made true again
    last_id INTEGER    -- in the books, before they are made true
);
DROP VIEW IF EXISTS temp.rowcast_own;
CREATE TEMP VIEW rowcast_own AS
    SELECT there AND (NOT is_table OR first < 7 OR (second < 2 AND NOT is_log)) AS own,
           there AND is_log AND (second < 2 OR revisions = 0) AS old
    FROM (SELECT
        EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'events' COLLATE NOCASE) AS there,
        EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'events' COLLATE NOCASE AND type = 'table') AS is_table,
        EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'rowcast_log') AS is_log,
        (SELECT count(*) FROM pragma_table_info('events', 'main') WHERE name IN
            ('id', 'channel', 'session_id', 'type', 'data', 'dedup_key', 'created_at')) AS first,
        (SELECT count(*) FROM pragma_table_info('events', 'main') WHERE name IN ('key', 'expires_at')) AS second,
        (SELECT count(*) FROM pragma_table_info('rowcast_log', 'main') WHERE name = 'revision') AS revisions);
SAVEPOINT rowcast_free;
INSERT OR ROLLBACK INTO temp.rowcast_load(own, old, was_there)
    SELECT own, old AND NOT own, EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'rowcast_config')
    FROM temp.rowcast_own;
SAVEPOINT rowcast_refused;
RELEASE rowcast_free;

PRAGMA journal_mode = WAL;

SAVEPOINT rowcast_schema;

-- These change from version to version, so they are created anew.  (It also helps that the first
-- statement writes: it takes the lock before anything was read.)
DROP TRIGGER IF EXISTS rowcast_config_insert;
DROP TRIGGER IF EXISTS rowcast_config_update;
DROP TRIGGER IF EXISTS rowcast_log_insert;

-- Which triggers were there.  (An upgrade drops and makes all of ours, and has noted them before.)
CREATE TEMP TABLE IF NOT EXISTS rowcast_before AS
    SELECT name FROM main.sqlite_schema WHERE type = 'trigger';

CREATE TABLE IF NOT EXISTS events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the log; only grows
    channel    TEXT NOT NULL DEFAULT '',          -- '': to everyone
    session_id TEXT,                              -- NULL, or the one session it is for
    type       TEXT NOT NULL DEFAULT 'message',
    data       TEXT NOT NULL DEFAULT '',
    dedup_key  TEXT,                              -- NULL, or once within its mailbox
    created_at INTEGER NOT NULL                   -- milliseconds since 1970
               DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
    key        TEXT,                              -- NULL, or what the event is the newest state of
    expires_at INTEGER                            -- NULL, or milliseconds since 1970
);

-- For walks of one mailbox in id order, and for counts of some types in it without its rows.
CREATE INDEX IF NOT EXISTS events_mailbox ON events(session_id, channel, id, type);
-- For removal by age.  Events with a key do not age: the state of a quiet thing is still its state.
CREATE INDEX IF NOT EXISTS events_created_at ON events(created_at) WHERE key IS NULL;
-- Not UNIQUE: a conflict would make OR REPLACE delete the older row without calling a trigger.
CREATE INDEX IF NOT EXISTS events_dedup_key ON events(dedup_key, session_id, channel)
    WHERE dedup_key IS NOT NULL;
-- For the older event of a key.
CREATE INDEX IF NOT EXISTS events_key ON events(session_id, channel, key, id) WHERE key IS NOT NULL;
-- For what is due, and for counts of it in one mailbox without its rows.
CREATE INDEX IF NOT EXISTS events_expires_at ON events(expires_at, session_id, channel, id, type)
    WHERE expires_at IS NOT NULL;

-- One row for each mailbox that has, or lately had, events: a channel, or '@' and a session's id.
CREATE TABLE IF NOT EXISTS rowcast_channels (
    mailbox    TEXT PRIMARY KEY NOT NULL,
    kept       INTEGER NOT NULL DEFAULT 0, -- events it has now
    trimmed_to INTEGER NOT NULL DEFAULT 0, -- the newest id that left it
    last_at    INTEGER NOT NULL DEFAULT 0  -- when its last event came, in ms since 1970
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rowcast_channels_trimmed_to ON rowcast_channels(trimmed_to);

-- Mailboxes from which somebody deleted the newest event of a key.  Streams that have had it still
-- show it: a responder tells them, and takes the mailbox off this list.
CREATE TABLE IF NOT EXISTS rowcast_removed (
    mailbox TEXT PRIMARY KEY NOT NULL
) WITHOUT ROWID;

-- What is true of the log as a whole, in one row.
CREATE TABLE IF NOT EXISTS rowcast_log (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    version        INTEGER NOT NULL,           -- whoever does not know it must not use the log
    epoch          TEXT    NOT NULL,           -- eight hex digits, another for each log
    last_id        INTEGER NOT NULL DEFAULT 0  -- the newest id ever given
                   CHECK (typeof(last_id) = 'integer' AND last_id >= 0),
    trimmed_to     INTEGER NOT NULL DEFAULT 0, -- the newest id that left any mailbox
    forgotten_to   INTEGER NOT NULL DEFAULT 0, -- the same, of mailboxes that are forgotten
    bytes          INTEGER NOT NULL DEFAULT 0, -- of all events: their data and 200 each
    excess         INTEGER NOT NULL DEFAULT 0, -- a note from one trigger to another
    config_version INTEGER NOT NULL DEFAULT 0, -- moves with each change of rowcast_config
    revision       INTEGER NOT NULL DEFAULT 1, -- what is there: an upgrade of the log raises it
    due            INTEGER NOT NULL DEFAULT 0, -- a note: some events may have to go by their time
    replaced       INTEGER,                    -- a note: the event that a newer one of its key replaces
    room           INTEGER NOT NULL DEFAULT 0  -- a note: events make room for the newest
);
INSERT INTO rowcast_log(one, version, revision, epoch)
    SELECT 1, 1, 2, lower(hex(randomblob(4)))
    WHERE NOT EXISTS (SELECT 1 FROM rowcast_log WHERE one = 1);

-- The position that belongs to what a transaction reads: a stream that begins after it gets what is
-- committed later.
CREATE VIEW IF NOT EXISTS rowcast_position AS
    SELECT epoch || '-' || last_id AS position FROM rowcast_log WHERE one = 1;

-- Which time is believed when events are removed by age: a clock that is set ahead by more than
-- ten minutes is doubted until it has stood there for ten minutes.  Milliseconds since 1970.
CREATE TABLE IF NOT EXISTS rowcast_clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    believed_at INTEGER NOT NULL,
    doubted_at  INTEGER NOT NULL DEFAULT 0, -- since when another time is seen; 0: it is not
    seen_at     INTEGER NOT NULL DEFAULT 0  -- the newest look at the clock
);
INSERT INTO rowcast_clock(one, believed_at)
    SELECT 1, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    WHERE NOT EXISTS (SELECT 1 FROM rowcast_clock);

-- Settings.  A change takes effect within a second:
--     UPDATE rowcast_config SET value = 500 WHERE name = 'buffer_size';
-- A log of an earlier version gets the settings that it lacks, and the rules for them.
CREATE TABLE IF NOT EXISTS rowcast_config (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
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

-- The newest id that was given, and whether events are missing that came after the books stopped.
DROP VIEW IF EXISTS temp.rowcast_lost;
CREATE TEMP VIEW rowcast_lost AS
    SELECT end, end - booked > (SELECT count(*) FROM events WHERE id > booked) AS lost
    FROM (SELECT max(booked, ifnull((SELECT max(id) FROM events WHERE typeof(id) = 'integer'), 0),
                     ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)) AS end,
                 booked
          FROM (SELECT ifnull(max(0, CAST(last_id AS INTEGER)), 0) AS booked FROM temp.rowcast_load));

-- Whether the books have to be recounted, below.
UPDATE temp.rowcast_load SET (last_id, recount) = (
    SELECT last_id, n < 5 OR typeof(last_id) <> 'integer' OR typeof(trimmed_to) <> 'integer'
        OR typeof(forgotten_to) <> 'integer' OR typeof(bytes) <> 'integer'
        OR last_id < ifnull((SELECT max(id) FROM events WHERE typeof(id) = 'integer'), 0)
        OR trimmed_to NOT BETWEEN 0 AND last_id OR forgotten_to NOT BETWEEN 0 AND last_id
        OR bytes < 0 OR (SELECT max(trimmed_to) FROM rowcast_channels) > last_id
    FROM rowcast_log, (
        SELECT count(*) AS n FROM temp.rowcast_before WHERE name IN
            ('events_insert', 'events_update', 'events_inserted', 'events_deleted', 'rowcast_channels_delete'))
    WHERE one = 1);
-- Somebody may have changed settings while the trigger that tells of it was missing.
UPDATE rowcast_log SET config_version = config_version + 1
    WHERE one = 1 AND (SELECT was_there FROM temp.rowcast_load) AND NOT EXISTS (
        SELECT 1 FROM temp.rowcast_before WHERE name = 'rowcast_config_updated');
-- A mailbox that was forgotten while its trigger was missing was trimmed no further than the
-- newest id that left any mailbox.
UPDATE rowcast_log SET forgotten_to = max(forgotten_to, trimmed_to)
    WHERE one = 1 AND NOT EXISTS (
        SELECT 1 FROM temp.rowcast_before WHERE name = 'rowcast_channels_delete');

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
-- An INSERT of a setting changes it, with or without OR REPLACE: all settings are there.
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
    SELECT RAISE(ABORT, 'rowcast_log has one row and keeps it')
        WHERE EXISTS (SELECT 1 FROM rowcast_log WHERE one = 1);
END;
-- The epoch is part of each id that clients get.  Under another one an id may be given again, so
-- nothing may be noted of it.
CREATE TRIGGER IF NOT EXISTS rowcast_log_update AFTER UPDATE OF epoch ON rowcast_log
BEGIN
    SELECT RAISE(ABORT, 'epoch must be eight hex digits in lower case: lower(hex(randomblob(4)))')
        WHERE typeof(NEW.epoch) <> 'text' OR length(NEW.epoch) <> 8 OR NEW.epoch GLOB '*[^0-9a-f]*'
              OR instr(NEW.epoch, char(0));
    UPDATE rowcast_log SET replaced = NULL WHERE one = 1;
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
        WHEN NEW.channel <> '' AND (length(CAST(NEW.channel AS BLOB)) > 512
             OR instr(NEW.channel, char(10)) OR instr(NEW.channel, char(13))
             OR instr(NEW.channel, char(0)))
            THEN RAISE(ABORT, 'channel must be at most 512 bytes without CR, LF and NUL')
        WHEN NEW.channel <> '' AND (NEW.channel GLOB '@*'
             OR NEW.channel GLOB 'user:*' OR NEW.channel GLOB 'rowcast:*')
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
        WHEN NEW.key IS NOT NULL AND (typeof(NEW.key) <> 'text'
             OR length(CAST(NEW.key AS BLOB)) NOT BETWEEN 1 AND 128 OR instr(NEW.key, char(0)))
            THEN RAISE(ABORT, 'key must be NULL, or 1 to 128 bytes of text without NUL')
        WHEN NEW.expires_at IS NOT NULL AND (typeof(NEW.expires_at) <> 'integer' OR NEW.expires_at < 0)
            THEN RAISE(ABORT, 'expires_at must be NULL, or milliseconds since 1970, an integer')
        WHEN NEW.expires_at < 100000000000 -- March 1973; as seconds, the year 5138
            THEN RAISE(ABORT, 'expires_at looks like seconds: it must be milliseconds since 1970, or NULL')
        WHEN NEW.expires_at >= 100000000000000 -- the year 5138; as microseconds, March 1973
            THEN RAISE(ABORT, 'expires_at looks like microseconds: it must be milliseconds since 1970, or NULL')
        WHEN typeof(NEW.created_at) <> 'integer' OR NEW.created_at < 0
            THEN RAISE(ABORT, 'created_at must be milliseconds since 1970, an integer')
        WHEN NEW.created_at < 100000000000 -- March 1973; as seconds, the year 5138
            THEN RAISE(ABORT, 'created_at looks like seconds: it must be milliseconds since 1970, or be left out')
        WHEN NEW.created_at > (julianday() - 2440586.5) * 86400000
            THEN RAISE(ABORT, 'created_at is more than a day ahead of the clock of this machine: it must be milliseconds since 1970, or be left out')
        -- The same key again: the insert does nothing, so a publisher may safely retry.
        WHEN NEW.dedup_key IS NOT NULL
             AND EXISTS (SELECT 1 FROM events WHERE dedup_key = NEW.dedup_key
                             AND session_id IS NEW.session_id AND channel = NEW.channel
                             AND ifnull(expires_at > (julianday() - 2440587.5) * 86400000 + 0.5, 1))
            THEN RAISE(IGNORE)
    END;
END;

CREATE TRIGGER IF NOT EXISTS events_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events cannot be changed: insert another one');
END;

-- Enter the event in the books, and remove the older event of its key and what exceeds the bounds.
-- In the event's mailbox that is usually the oldest event.  Time and bytes follow from the last
-- statement, which fires the triggers below.  If a bound was lowered, no more than 100 events are
-- removed for each reason, so that no publisher waits long.
--
-- Why it is written like this: a shell compiles all of it for each INSERT (0.3 ms), and each
-- trigger that is entered has to make room for all of its statements, also if its WHEN is false
-- (1 µs for the removal by time).  So each rule is one short statement, what happens seldom has a
-- trigger of its own, and rowcast_log carries notes from one to the other.  A DELETE opens all
-- indexes (0.5 µs), even if it finds nothing.
CREATE TRIGGER IF NOT EXISTS events_inserted AFTER INSERT ON events
BEGIN
    SELECT CASE
        WHEN NEW.id < 1
            THEN RAISE(ABORT, 'id must be left out: the log gives it')
        WHEN NEW.id <= last_id
            THEN RAISE(ABORT, 'ids went back: sqlite_sequence was changed (set its seq for events to last_id of rowcast_log), or an AFTER INSERT trigger on events inserts another event (make it a BEFORE INSERT trigger)')
    END FROM rowcast_log WHERE one = 1;

    INSERT INTO rowcast_channels(mailbox, kept, trimmed_to, last_at)
        SELECT ifnull('@' || NEW.session_id, NEW.channel), 1, forgotten_to,
               CAST(round((julianday() - 2440587.5) * 86400000) AS INTEGER)
        FROM rowcast_log WHERE one = 1
        ON CONFLICT(mailbox) DO UPDATE SET kept = kept + 1, last_at = excluded.last_at;

    UPDATE rowcast_log SET replaced = (
            SELECT max(id) FROM events WHERE session_id IS NEW.session_id AND channel = NEW.channel
                AND key = NEW.key AND id < NEW.id)
        WHERE NEW.key IS NOT NULL AND one = 1;

    DELETE FROM events WHERE session_id IS NEW.session_id AND channel = NEW.channel AND id < (
        SELECT id FROM events WHERE session_id IS NEW.session_id AND channel = NEW.channel
        ORDER BY id LIMIT 1 OFFSET ifnull((
            SELECT min(100, kept - CAST(value AS INTEGER)) FROM rowcast_channels, rowcast_config
            WHERE name = 'buffer_size' AND CAST(value AS INTEGER) > 0
                  AND mailbox = ifnull('@' || NEW.session_id, NEW.channel)), 0));

    UPDATE rowcast_log
        SET last_id = NEW.id, bytes = bytes + 200 + length(CAST(NEW.data AS BLOB))
        WHERE one = 1;
END;

-- The older event of a key goes.
CREATE TRIGGER IF NOT EXISTS rowcast_log_replaced AFTER UPDATE OF replaced ON rowcast_log
BEGIN
    DELETE FROM events WHERE id = NEW.replaced;
END;

-- No id is given twice under one epoch.  And each insert looks whether an event may have to go by
-- its time; if the clock is doubted, always (excess is -1), since a clock that was set back must not
-- be taken for one that still stands ahead.
CREATE TRIGGER IF NOT EXISTS rowcast_log_old AFTER UPDATE OF last_id ON rowcast_log
    WHEN NEW.excess < 0 OR NEW.last_id < OLD.last_id OR (julianday() - 2440587.5) * 86400000 + 0.5 >= min(
        ifnull((SELECT min(expires_at) FROM events WHERE expires_at IS NOT NULL), 1e18),
        ifnull((SELECT min(created_at) FROM events WHERE key IS NULL) + (
            SELECT value * 1000 FROM rowcast_config
            WHERE name = 'buffer_age' AND CAST(value AS INTEGER) > 0), 1e18))
BEGIN
    SELECT RAISE(ABORT, 'last_id never falls, or ids would be given twice: if it has to, set epoch = lower(hex(randomblob(4))) in the same UPDATE')
        WHERE NEW.last_id < OLD.last_id AND NEW.epoch IS OLD.epoch;
    UPDATE rowcast_log SET due = 1 WHERE one = 1;
END;

-- Remove the two oldest events that are older than buffer_age, and two whose expires_at has passed,
-- by the time that is believed.  Looks at the clock count towards the ten minutes only if they are an
-- hour apart at most.  (OFFSET 0 keeps SQLite from reading the clock anew for each use of `now`.)
CREATE TRIGGER IF NOT EXISTS rowcast_log_due AFTER UPDATE OF due ON rowcast_log
BEGIN
    UPDATE rowcast_clock SET (believed_at, doubted_at, seen_at) = (
        SELECT iif(believed, now, believed_at),
               iif(believed, 0, iif(doubted_at > 0 AND follows, doubted_at, now)), now
        FROM (SELECT now, follows, now - believed_at <= 600000
                     OR (doubted_at > 0 AND follows AND now - doubted_at >= 600000) AS believed
              FROM (SELECT now, now - seen_at BETWEEN 0 AND 3600000 AS follows
                    FROM (SELECT CAST(round((julianday() - 2440587.5) * 86400000) AS INTEGER) AS now
                          LIMIT 1 OFFSET 0) LIMIT 1 OFFSET 0)))
        WHERE one = 1 AND NOT CAST(round((julianday() - 2440587.5) * 86400000) AS INTEGER)
                              BETWEEN seen_at AND seen_at + 999;
    UPDATE rowcast_log SET excess = (SELECT -(doubted_at > 0) FROM rowcast_clock WHERE one = 1)
        WHERE one = 1 AND excess = (SELECT -(doubted_at = 0) FROM rowcast_clock WHERE one = 1);
    DELETE FROM events WHERE id IN (
        SELECT id FROM (
            SELECT id FROM events WHERE key IS NULL AND created_at < (
                SELECT believed_at - value * 1000 FROM rowcast_clock, rowcast_config
                WHERE one = 1 AND name = 'buffer_age' AND CAST(value AS INTEGER) > 0)
            ORDER BY created_at LIMIT 2)
        UNION ALL
        SELECT id FROM (
            SELECT id FROM events
            WHERE expires_at <= (SELECT believed_at FROM rowcast_clock WHERE one = 1)
            ORDER BY expires_at LIMIT 2));
END;

-- Each insert removes the oldest event if there are more than buffer_bytes, but never the newest (nor
-- does an id that is given without an event).
CREATE TRIGGER IF NOT EXISTS rowcast_log_full AFTER UPDATE OF last_id ON rowcast_log
    WHEN NEW.bytes > (SELECT CAST(value AS INTEGER) FROM rowcast_config
                      WHERE name = 'buffer_bytes' AND CAST(value AS INTEGER) > 0)
BEGIN
    UPDATE rowcast_log SET room = 1 WHERE one = 1;
    DELETE FROM events WHERE id = (SELECT min(id) FROM events) AND id < (SELECT max(id) FROM events);
    UPDATE rowcast_log
        SET excess = bytes - (SELECT value FROM rowcast_config WHERE name = 'buffer_bytes')
        WHERE one = 1
              AND bytes > (SELECT CAST(value AS INTEGER) FROM rowcast_config WHERE name = 'buffer_bytes');
    UPDATE rowcast_log SET room = 0 WHERE one = 1;
END;
-- If one was not enough, remove as many as the newest event needs, up to 100.
CREATE TRIGGER IF NOT EXISTS rowcast_log_excess AFTER UPDATE OF excess ON rowcast_log
BEGIN
    DELETE FROM events WHERE id < (SELECT max(id) FROM events) AND id <= (
        WITH RECURSIVE oldest(n, last, freed) AS (
            VALUES (0, 0, 0)
            UNION ALL
            SELECT n + 1, id, freed + 200 + length(CAST(data AS BLOB))
            FROM oldest CROSS JOIN events
            WHERE id = (SELECT min(id) FROM events WHERE id > last) AND freed < NEW.excess AND (n < 99
                  OR freed < (SELECT 200 + length(CAST(data AS BLOB)) FROM events WHERE id = NEW.last_id)))
        SELECT max(last) FROM oldest);
END;

-- Whatever deletes an event: mailbox and log note up to which id, so that streams are told of it.
-- They are not told of an event whose time has passed, nor of one whose key has a newer event: neither
-- is missing.
--
-- The newest event of a key may be deleted before its time.  If it had to make room for an insert, it
-- is still true, and nobody who has had it need be told.  That is so while its mailbox has an event
-- that is not in the books yet, and while rowcast_log_full says so.
CREATE TRIGGER IF NOT EXISTS events_deleted AFTER DELETE ON events
BEGIN
    INSERT INTO rowcast_channels(mailbox, kept, trimmed_to)
        SELECT coalesce('@' || OLD.session_id, OLD.channel, ''), 0,
               iif(OLD.id = replaced OR OLD.expires_at <= CAST(round((julianday() - 2440587.5) * 86400000) AS INTEGER),
                   0, OLD.id)
        FROM rowcast_log WHERE one = 1
        ON CONFLICT(mailbox) DO UPDATE
            SET kept = kept - 1, trimmed_to = max(trimmed_to, excluded.trimmed_to);
    UPDATE rowcast_log
        SET trimmed_to = max(trimmed_to, iif(
                OLD.id = replaced OR OLD.expires_at <= CAST(round((julianday() - 2440587.5) * 86400000) AS INTEGER),
                0, OLD.id)),
            bytes = bytes - 200 - ifnull(length(CAST(OLD.data AS BLOB)), 0)
        WHERE one = 1;
    INSERT INTO rowcast_removed(mailbox)
        SELECT coalesce('@' || OLD.session_id, OLD.channel, '') FROM rowcast_log
        WHERE OLD.key IS NOT NULL AND one = 1 AND OLD.id IS NOT replaced
              AND ifnull(OLD.expires_at > (julianday() - 2440587.5) * 86400000 + 0.5, 1)
              AND room = 0 AND NOT EXISTS (
                  SELECT 1 FROM events
                  WHERE session_id IS OLD.session_id AND channel = OLD.channel AND id > last_id)
        ON CONFLICT(mailbox) DO NOTHING;
END;

-- Recount the books if events came or left while triggers were missing.  First comes the epoch.
UPDATE rowcast_log SET epoch = lower(hex(randomblob(4)))
    WHERE one = 1 AND (typeof(epoch) <> 'text' OR length(epoch) <> 8
                       OR epoch GLOB '*[^0-9a-f]*' OR instr(epoch, char(0)));
-- Of each key the newest event stays.  Older ones are there if they came while a trigger was missing.
DELETE FROM events
    WHERE (SELECT recount FROM temp.rowcast_load) AND key IS NOT NULL AND EXISTS (
        SELECT 1 FROM events AS newer
        WHERE newer.session_id IS events.session_id AND newer.channel = events.channel
              AND newer.key = events.key AND newer.id > events.id);
-- Events that the books knew may have left unseen: the mailbox keeps fewer than it should.
UPDATE rowcast_channels SET trimmed_to = (SELECT max(0, last_id) FROM temp.rowcast_load)
    WHERE (SELECT recount FROM temp.rowcast_load) AND kept > (
        SELECT count(*) FROM events
        WHERE session_id IS CASE WHEN substr(mailbox, 1, 1) = '@' THEN substr(mailbox, 2) END
              AND channel = CASE WHEN substr(mailbox, 1, 1) = '@' THEN '' ELSE mailbox END
              AND id <= (SELECT last_id FROM temp.rowcast_load));
UPDATE rowcast_log SET trimmed_to = max(trimmed_to, (SELECT ifnull(max(trimmed_to), 0) FROM rowcast_channels))
    WHERE one = 1 AND (SELECT recount FROM temp.rowcast_load);
-- Some of the events that came unseen are missing: nobody knows from which mailbox.
UPDATE rowcast_channels SET trimmed_to = 9223372036854775807 -- cut to the log's end below
    WHERE (SELECT recount FROM temp.rowcast_load) AND (SELECT lost FROM temp.rowcast_lost);
UPDATE rowcast_log SET forgotten_to = 9223372036854775807, trimmed_to = 9223372036854775807
    WHERE one = 1 AND (SELECT recount FROM temp.rowcast_load) AND (SELECT lost FROM temp.rowcast_lost);
-- What the log keeps now.
UPDATE rowcast_channels SET kept = 0
    WHERE (SELECT recount FROM temp.rowcast_load) AND kept <> 0;
INSERT INTO rowcast_channels(mailbox, kept, trimmed_to, last_at)
    SELECT CASE WHEN session_id IS NULL THEN ifnull(channel, '') ELSE '@' || session_id END, count(*),
           (SELECT trimmed_to FROM rowcast_log WHERE one = 1),
           CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM temp.rowcast_load AS load CROSS JOIN events WHERE load.recount GROUP BY 1
    ON CONFLICT(mailbox) DO UPDATE SET kept = excluded.kept;
UPDATE rowcast_log
    SET bytes = (SELECT ifnull(sum(200 + ifnull(length(CAST(data AS BLOB)), 0)), 0) FROM events)
    WHERE one = 1 AND (SELECT recount FROM temp.rowcast_load);
-- Finally the newest id, which fires the triggers that keep the bounds.
UPDATE rowcast_log SET last_id = (SELECT end FROM temp.rowcast_lost)
    WHERE one = 1 AND (SELECT recount FROM temp.rowcast_load);
UPDATE rowcast_channels SET trimmed_to = (SELECT last_id FROM rowcast_log WHERE one = 1)
    WHERE (SELECT recount FROM temp.rowcast_load)
          AND trimmed_to > (SELECT last_id FROM rowcast_log WHERE one = 1);
UPDATE rowcast_log SET trimmed_to = max(0, min(trimmed_to, last_id)),
                       forgotten_to = max(0, min(forgotten_to, last_id))
    WHERE one = 1 AND (SELECT recount FROM temp.rowcast_load);
INSERT INTO sqlite_sequence(name, seq)
    SELECT 'events', last_id FROM rowcast_log
    WHERE one = 1 AND last_id > 0 AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events');
UPDATE sqlite_sequence SET seq = (SELECT last_id FROM rowcast_log WHERE one = 1)
    WHERE name = 'events' AND seq < (SELECT last_id FROM rowcast_log WHERE one = 1);

INSERT OR ROLLBACK INTO temp.rowcast_load(own, old, lacks)
    SELECT own, old, (
        SELECT count(*) FROM main.sqlite_schema
        WHERE tbl_name IN ('events', 'rowcast_channels', 'rowcast_removed', 'rowcast_log', 'rowcast_clock', 'rowcast_config', 'rowcast_position')
              AND name IN (
                'events', 'events_mailbox', 'events_created_at', 'events_dedup_key', 'events_key', 'events_expires_at',
                'events_insert', 'events_update', 'events_inserted', 'events_deleted',
                'rowcast_channels', 'rowcast_removed', 'rowcast_channels_trimmed_to', 'rowcast_channels_delete',
                'rowcast_log', 'rowcast_log_insert', 'rowcast_log_update', 'rowcast_log_delete',
                'rowcast_log_replaced', 'rowcast_log_old', 'rowcast_log_due', 'rowcast_log_full', 'rowcast_log_excess',
                'rowcast_position', 'rowcast_clock',
                'rowcast_config', 'rowcast_config_insert', 'rowcast_config_update',
                'rowcast_config_updated', 'rowcast_config_delete')) < 30
    FROM temp.rowcast_own;
RELEASE rowcast_schema;
DROP VIEW temp.rowcast_lost;
DROP VIEW temp.rowcast_own;
DROP TABLE temp.rowcast_before;
DROP TABLE temp.rowcast_load;
