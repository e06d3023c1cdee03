-- The revision of the log.  Cannot be prepared in a log of revision 1, which has no such column.  One
-- row.
SELECT revision FROM rowcast_log WHERE one = 1
