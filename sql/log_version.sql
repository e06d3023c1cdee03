-- The version of the log's schema.  Cannot be prepared if there is no schema yet.  One row.
SELECT version FROM rowcast_log WHERE one = 1
