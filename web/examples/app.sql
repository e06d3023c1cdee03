-- The server side of the examples, all of it: an application's tables, and triggers that turn
-- each change into an event, in the same transaction.  Load it into the log's own file, after
-- sql/schema.sql and with the sqlite3 shell; loading it again changes nothing:
--
--     sqlite3 -bail build/run/rowcast.db < web/examples/app.sql
--
-- Then any program may write the tables:
--
--     INSERT INTO chat_messages(name, text) VALUES ('Ada', 'hello');
--     DELETE FROM chat_messages WHERE id = 7;
--     INSERT INTO readings(sensor, value) VALUES ('cellar', 12.5);
--     UPDATE prices SET cents = 1299 WHERE name = 'BAL';

.bail on
.timeout 5000

BEGIN IMMEDIATE;

-- The chat -------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS chat_messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    text    TEXT NOT NULL,
    said_at INTEGER NOT NULL -- milliseconds since 1970
            DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
);

-- Rules are triggers: they hold for the shell too, and over HTTP the sentence is the answer.
DROP TRIGGER IF EXISTS chat_rules;
CREATE TRIGGER chat_rules BEFORE INSERT ON chat_messages
BEGIN
    SELECT CASE
        WHEN typeof(NEW.name) <> 'text' OR trim(NEW.name) = '' OR length(NEW.name) > 40
             OR instr(NEW.name, char(0))
            THEN RAISE(ABORT, 'a name has 1 to 40 characters')
        WHEN typeof(NEW.text) <> 'text' OR trim(NEW.text) = '' OR length(NEW.text) > 500
             OR instr(NEW.text, char(0))
            THEN RAISE(ABORT, 'a message has 1 to 500 characters')
        WHEN typeof(NEW.said_at) <> 'integer'
            THEN RAISE(ABORT, 'said_at is milliseconds since 1970, an integer')
    END;
END;

-- A message as a page shows it.  What people wrote is text, so each character that means
-- something in HTML is escaped; nothing that came from outside stands in here otherwise.
DROP VIEW IF EXISTS chat_html;
CREATE VIEW chat_html AS
    SELECT id, '<li id="message-' || id || '"><p class="who"><b>' || name || '</b> <time datetime="'
               || strftime('%Y-%m-%dT%H:%M:%SZ', said_at / 1000, 'unixepoch') || '">'
               || strftime('%H:%M', said_at / 1000, 'unixepoch', 'localtime')
               || '</time></p><p class="text">' || text || '</p></li>' AS html
    FROM (SELECT id, said_at,
              replace(replace(replace(replace(replace(name,
                  '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;') AS name,
              replace(replace(replace(replace(replace(text,
                  '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;') AS text
          FROM chat_messages);

-- A message is two events of the channel `chat`: JSON for pages that make their own elements,
-- HTML for htmx.  A stream asks for one of them with types=.
DROP TRIGGER IF EXISTS chat_said;
CREATE TRIGGER chat_said AFTER INSERT ON chat_messages
BEGIN
    INSERT INTO events(channel, type, data)
        VALUES ('chat', 'said', json_object(
            'id', NEW.id, 'name', NEW.name, 'text', NEW.text, 'said_at', NEW.said_at));
    INSERT INTO events(channel, type, data)
        SELECT 'chat', 'chat-html', html FROM chat_html WHERE id = NEW.id;
END;

DROP TRIGGER IF EXISTS chat_unsaid;
CREATE TRIGGER chat_unsaid AFTER DELETE ON chat_messages
BEGIN
    INSERT INTO events(channel, type, data)
        VALUES ('chat', 'unsaid', json_object('id', OLD.id)),
               ('chat', 'chat-html', '<li id="message-' || OLD.id || '" hx-swap-oob="delete"></li>');
END;

DROP TRIGGER IF EXISTS chat_changed;
CREATE TRIGGER chat_changed BEFORE UPDATE ON chat_messages
BEGIN
    SELECT RAISE(ABORT, 'what was said stays, or is deleted');
END;

-- The chart ------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS readings (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor TEXT NOT NULL,
    value  REAL NOT NULL,
    at     INTEGER NOT NULL -- milliseconds since 1970
           DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))
);

DROP TRIGGER IF EXISTS readings_rules;
CREATE TRIGGER readings_rules BEFORE INSERT ON readings
BEGIN
    SELECT CASE
        WHEN typeof(NEW.sensor) <> 'text' OR trim(NEW.sensor) = '' OR length(NEW.sensor) > 32
             OR instr(NEW.sensor, char(0))
            THEN RAISE(ABORT, 'the name of a sensor has 1 to 32 characters') -- a key has up to 128 bytes
        WHEN typeof(NEW.value) NOT IN ('integer', 'real') OR abs(NEW.value) > 1e15
            THEN RAISE(ABORT, 'a value is a number from -1e15 to 1e15')
        WHEN typeof(NEW.at) <> 'integer'
            THEN RAISE(ABORT, 'at is milliseconds since 1970, an integer')
    END;
END;

-- A reading is two events.  The one without a key is a step of the curve: the log keeps the newest
-- thousand, for a day.  The one with a key replaces the sensor's older one and does not age, so a page
-- shows the last value of each sensor at once, also of one that has been quiet for a week.  It has a
-- channel of its own, where a thousand steps of another sensor cannot push it out.
DROP TRIGGER IF EXISTS readings_inserted;
CREATE TRIGGER readings_inserted AFTER INSERT ON readings
BEGIN
    INSERT INTO events(channel, type, data)
        VALUES ('readings', 'reading', json_object(
            'sensor', NEW.sensor, 'value', NEW.value, 'at', NEW.at));
    INSERT INTO events(channel, type, key, data)
        VALUES ('sensors', 'sensor', NEW.sensor, json_object(
            'sensor', NEW.sensor, 'value', NEW.value, 'at', NEW.at));
END;

-- The prices -----------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS prices (
    name    TEXT PRIMARY KEY NOT NULL,
    cents   INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1 -- grows with each change
) WITHOUT ROWID;

DROP TRIGGER IF EXISTS prices_rules;
CREATE TRIGGER prices_rules BEFORE INSERT ON prices
BEGIN
    SELECT CASE
        WHEN typeof(NEW.name) <> 'text' OR trim(NEW.name) = '' OR length(NEW.name) > 12
             OR instr(NEW.name, char(0))
            THEN RAISE(ABORT, 'the name of a price has 1 to 12 characters')
        WHEN typeof(NEW.cents) <> 'integer' OR NEW.cents NOT BETWEEN 1 AND 9999999
            THEN RAISE(ABORT, 'a price is a whole number of cents from 1 to 9999999')
    END;
END;

DROP TRIGGER IF EXISTS prices_change_rules;
CREATE TRIGGER prices_change_rules BEFORE UPDATE ON prices
BEGIN
    SELECT CASE
        WHEN NEW.name IS NOT OLD.name
            THEN RAISE(ABORT, 'the name of a price stays: delete the price, and insert another')
        WHEN typeof(NEW.cents) <> 'integer' OR NEW.cents NOT BETWEEN 1 AND 9999999
            THEN RAISE(ABORT, 'a price is a whole number of cents from 1 to 9999999')
    END;
END;

-- The key of the event is the name of the price, so the log keeps the newest event of each price.  A
-- page that begins with the oldest event that is kept gets every price, and then what changes.
DROP TRIGGER IF EXISTS prices_inserted;
CREATE TRIGGER prices_inserted AFTER INSERT ON prices
BEGIN
    INSERT INTO events(channel, type, key, data)
        VALUES ('prices', 'price', NEW.name, json_object(
            'name', NEW.name, 'cents', NEW.cents, 'version', NEW.version));
END;

DROP TRIGGER IF EXISTS prices_changed;
CREATE TRIGGER prices_changed AFTER UPDATE OF cents ON prices WHEN NEW.cents <> OLD.cents
BEGIN
    UPDATE prices SET version = OLD.version + 1 WHERE name = NEW.name;
    INSERT INTO events(channel, type, key, data)
        VALUES ('prices', 'price', NEW.name, json_object(
            'name', NEW.name, 'cents', NEW.cents, 'was', OLD.cents, 'version', OLD.version + 1));
END;

-- A price that goes is an event too.  It replaces the price's last one, and expires in a day: by then
-- no page is left that was away and still shows the price.
DROP TRIGGER IF EXISTS prices_deleted;
CREATE TRIGGER prices_deleted AFTER DELETE ON prices
BEGIN
    INSERT INTO events(channel, type, key, data, expires_at)
        VALUES ('prices', 'gone', OLD.name, json_object('name', OLD.name),
                CAST(round((julianday('now') - 2440587.5 + 1) * 86400000) AS INTEGER));
END;

-- A board of 200, when this file is loaded for the first time.
INSERT INTO prices(name, cents)
    SELECT first || vowel || last, 500 + abs(random() % 20000)
    FROM (SELECT value AS first FROM json_each('["B","D","H","K","L","M","N","R","T","V"]')),
         (SELECT value AS vowel FROM json_each('["A","E","I","O","U"]')),
         (SELECT value AS last FROM json_each('["L","N","R","X"]'))
    WHERE NOT EXISTS (SELECT 1 FROM prices);

-- What is in the tables and not in the log: from before this file knew keys, or because somebody
-- deleted the events.
INSERT INTO events(channel, type, key, data)
    SELECT 'prices', 'price', name, json_object('name', name, 'cents', cents, 'version', version)
    FROM prices WHERE NOT EXISTS (
        SELECT 1 FROM events WHERE session_id IS NULL AND channel = 'prices' AND key = name);
INSERT INTO events(channel, type, key, data)
    SELECT 'sensors', 'sensor', sensor, json_object('sensor', sensor, 'value', value, 'at', at)
    FROM readings WHERE id IN (SELECT max(id) FROM readings WHERE length(sensor) <= 32 GROUP BY sensor)
        AND NOT EXISTS (
            SELECT 1 FROM events WHERE session_id IS NULL AND channel = 'sensors' AND key = sensor);

-- What comes from a page -----------------------------------------------------------------------
--
-- A page has no SQL.  It publishes to a channel that nobody listens to, and these triggers write
-- the table; table and event are one transaction still, and the answer is 400 with the rule's
-- sentence when a rule says no.
--
-- BEFORE, not AFTER: the log counts a row right after it is inserted, and the order of two AFTER
-- triggers is not defined.  An event that one of them inserted in between would have a later id
-- than the row it came from, and the log refuses ids that go back.  BEFORE the row there is
-- nothing yet to be in the middle of.
--
-- A dedup_key that is known does nothing, here as in the log, so a page may safely try again.

DROP TRIGGER IF EXISTS chat_in;
CREATE TRIGGER chat_in BEFORE INSERT ON events
    WHEN NEW.channel = 'chat-in' AND NOT EXISTS (
        SELECT 1 FROM events WHERE dedup_key = NEW.dedup_key
            AND session_id IS NULL AND channel = 'chat-in')
BEGIN
    SELECT RAISE(ABORT, 'what comes to chat-in is JSON: {"name":"Ada","text":"hello"}')
        WHERE NOT json_valid(NEW.data);
    INSERT INTO chat_messages(name, text) VALUES (NEW.data ->> 'name', NEW.data ->> 'text');
END;

DROP TRIGGER IF EXISTS readings_in;
CREATE TRIGGER readings_in BEFORE INSERT ON events
    WHEN NEW.channel = 'readings-in' AND NOT EXISTS (
        SELECT 1 FROM events WHERE dedup_key = NEW.dedup_key
            AND session_id IS NULL AND channel = 'readings-in')
BEGIN
    SELECT RAISE(ABORT, 'what comes to readings-in is JSON: {"sensor":"cellar","value":12.5}')
        WHERE NOT json_valid(NEW.data);
    INSERT INTO readings(sensor, value) VALUES (NEW.data ->> 'sensor', NEW.data ->> 'value');
END;

-- One step of the market: every price moves by up to 39 cents, in one transaction.
DROP TRIGGER IF EXISTS prices_in;
CREATE TRIGGER prices_in BEFORE INSERT ON events
    WHEN NEW.channel = 'prices-in' AND NOT EXISTS (
        SELECT 1 FROM events WHERE dedup_key = NEW.dedup_key
            AND session_id IS NULL AND channel = 'prices-in')
BEGIN
    UPDATE prices SET cents = min(9999999, max(1, cents + random() % 40));
END;

COMMIT;
