-- The sessions: which clients may come back, which streams are open, and where each would begin
-- again.
-- The responders alone read and write this file (mode 0600): the tokens in it are credentials.
-- A person may `DELETE FROM sessions`: its streams end within a second, in whichever process they are.
--
-- Times called *served* count milliseconds during which a janitor ran (state.served), so that
-- neither an outage nor a clock that is set expires a session; the others are milliseconds since 1970.

PRAGMA auto_vacuum = INCREMENTAL; -- in a new file; before anything else is written
PRAGMA journal_mode = WAL;

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS state(
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,            -- whoever does not know it must not use the file
  served  INTEGER NOT NULL DEFAULT 0,
  epoch   TEXT    NOT NULL DEFAULT '', -- of the log that was seen last; '': none yet
  last_id INTEGER NOT NULL DEFAULT 0,  -- and how far it was seen
  revision INTEGER NOT NULL DEFAULT 1  -- what is there: an upgrade of the file raises it
);
INSERT INTO state(one, version, revision) SELECT 1, 1, 2 WHERE NOT EXISTS (SELECT 1 FROM state);

CREATE TABLE IF NOT EXISTS sessions(
  id             TEXT    PRIMARY KEY NOT NULL, -- its public address
  token          TEXT    NOT NULL UNIQUE,      -- its credential
  created_at     INTEGER NOT NULL,
  last_seen_at   INTEGER NOT NULL,
  reconnections  INTEGER NOT NULL DEFAULT 0,
  user_agent     TEXT    NOT NULL DEFAULT '',
  remote_addr    TEXT    NOT NULL DEFAULT '',
  client_version TEXT    NOT NULL DEFAULT '',
  subscriptions  TEXT    NOT NULL DEFAULT '',  -- of its newest stream
  headers        TEXT    NOT NULL DEFAULT '{}',
  query          TEXT    NOT NULL DEFAULT '',
  idle_since     INTEGER                       -- served time its last stream ended; NULL: active
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_idle ON sessions(idle_since) WHERE idle_since IS NOT NULL;

-- One row for each stream that is open (ended_at NULL), or that ended and left its bookmark.
CREATE TABLE IF NOT EXISTS streams(
  id           INTEGER PRIMARY KEY, -- only grows: it begins with microseconds since 1970
  session_id   TEXT    NOT NULL,
  responder    INTEGER NOT NULL, -- the number of the process that holds it
  subscription TEXT    NOT NULL, -- subscription_key()
  epoch        TEXT    NOT NULL,
  position     INTEGER NOT NULL,
  opened_at    INTEGER NOT NULL,
  ended_at     INTEGER           -- served time
);
CREATE INDEX IF NOT EXISTS streams_session ON streams(session_id, subscription);
CREATE INDEX IF NOT EXISTS streams_open ON streams(responder)
  WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS streams_ended ON streams(ended_at) WHERE ended_at IS NOT NULL;

-- Orders to end a stream, for the responder that holds it.
CREATE TABLE IF NOT EXISTS endings(
  id        INTEGER PRIMARY KEY,
  responder INTEGER NOT NULL,
  stream_id INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS endings_responder ON endings(responder);

CREATE TABLE IF NOT EXISTS responders(
  id         INTEGER PRIMARY KEY, -- its number: the byte of the leases it holds locked
  pid        INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  version    TEXT    NOT NULL DEFAULT '' -- of the program; '': one that did not say it
);

-- Notes of sessions that are gone, so that a client is told of a loss only if there may be one.  The
-- newest notes are kept; a session that a person deletes leaves none.
CREATE TABLE IF NOT EXISTS departed(
  id         INTEGER PRIMARY KEY,  -- in the order they went
  token_hash TEXT    NOT NULL,     -- the first half of its SHA-256
  session_id TEXT    NOT NULL,
  lasting    INTEGER NOT NULL,     -- 1: it came back at least once, or stayed for a while
  revives    INTEGER NOT NULL,     -- 1: a poll's in vain; whoever brings the token goes on
  epoch      TEXT    NOT NULL,     -- of the log
  position   INTEGER NOT NULL,     -- the smallest bookmark it had; -1: none
  private_to INTEGER NOT NULL,     -- the newest event there may have been for it
  log_end    INTEGER NOT NULL      -- and the newest of all
);
CREATE UNIQUE INDEX IF NOT EXISTS departed_token ON departed(token_hash);
CREATE INDEX IF NOT EXISTS departed_lasting ON departed(lasting, id);

-- A program of revision 1 does not know the version, and takes the number of a process that entered
-- one.
CREATE TRIGGER IF NOT EXISTS responders_enter AFTER UPDATE OF started_at ON responders BEGIN
  UPDATE responders SET version = '' WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS sessions_delete AFTER DELETE ON sessions BEGIN
  INSERT INTO endings(responder, stream_id)
    SELECT responder, id FROM streams WHERE session_id = OLD.id AND ended_at IS NULL;
  DELETE FROM streams WHERE session_id = OLD.id;
END;

-- When a session's last stream ends, the time until it expires begins to run.
CREATE TRIGGER IF NOT EXISTS streams_end AFTER UPDATE OF ended_at ON streams
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
  UPDATE sessions SET idle_since = NEW.ended_at
  WHERE id = NEW.session_id AND NOT EXISTS (
    SELECT 1 FROM streams WHERE session_id = NEW.session_id AND ended_at IS NULL);
END;

COMMIT;
