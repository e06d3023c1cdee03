-- The version of the log's schema; cannot be prepared where there is no log yet.
SELECT version FROM rowcast_log WHERE one = 1
