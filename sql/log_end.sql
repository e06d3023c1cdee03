-- Where the log stands; the newest id of any event, which is beyond last_id if rows came past the
-- triggers; and whether streams are still to be told that somebody deleted the newest event of a key.
-- Three seeks of primary keys.
SELECT epoch, last_id, trimmed_to, config_version, forgotten_to, (SELECT max(id) FROM events),
       EXISTS (SELECT 1 FROM rowcast_removed)
FROM rowcast_log WHERE one = 1
