-- Where the log stands, and the newest id that an event has: another one where rows came past the
-- triggers.  The one row, by the primary key; the end of the events, by theirs.
SELECT epoch, last_id, trimmed_to, config_version, forgotten_to, (SELECT max(id) FROM events)
FROM rowcast_log WHERE one = 1
