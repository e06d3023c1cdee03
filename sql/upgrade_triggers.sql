-- The begin of an upgrade of the log, in its transaction: note which triggers are there, and drop
-- ours, so that the schema makes them anew.  Triggers of an application stay.
CREATE TEMP TABLE rowcast_before AS SELECT name FROM main.sqlite_schema WHERE type = 'trigger';
DROP TRIGGER IF EXISTS main.rowcast_config_update;
DROP TRIGGER IF EXISTS main.rowcast_config_updated;
DROP TRIGGER IF EXISTS main.rowcast_config_insert;
DROP TRIGGER IF EXISTS main.rowcast_config_delete;
DROP TRIGGER IF EXISTS main.rowcast_log_delete;
DROP TRIGGER IF EXISTS main.rowcast_log_insert;
DROP TRIGGER IF EXISTS main.rowcast_log_update;
DROP TRIGGER IF EXISTS main.rowcast_channels_delete;
DROP TRIGGER IF EXISTS main.events_insert;
DROP TRIGGER IF EXISTS main.events_update;
DROP TRIGGER IF EXISTS main.events_inserted;
DROP TRIGGER IF EXISTS main.rowcast_log_old;
DROP TRIGGER IF EXISTS main.rowcast_log_full;
DROP TRIGGER IF EXISTS main.rowcast_log_excess;
DROP TRIGGER IF EXISTS main.events_deleted;
DROP TRIGGER IF EXISTS main.rowcast_log_replaced;
DROP TRIGGER IF EXISTS main.rowcast_log_due;
