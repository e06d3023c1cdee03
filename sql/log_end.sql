-- Where the log stands.  Its one row, by the primary key.
SELECT epoch, last_id, trimmed_to, config_version, forgotten_to FROM rowcast_log WHERE one = 1
