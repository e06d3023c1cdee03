-- The begin of an upgrade of the sessions, in its transaction: drop our triggers, so that the schema
-- makes them anew.
DROP TRIGGER IF EXISTS main.responders_enter;
DROP TRIGGER IF EXISTS main.sessions_delete;
DROP TRIGGER IF EXISTS main.streams_end;
