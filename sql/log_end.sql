-- Where the log stands, and the newest id of any event, which is beyond last_id if rows came past
-- the triggers.  Two seeks of primary keys.
SELECT epoch, last_id, trimmed_to, config_version, forgotten_to, (SELECT max(id) FROM events)
FROM rowcast_log WHERE one = 1
