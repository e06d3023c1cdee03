-- The revision of the sessions.  Cannot be prepared in a file of revision 1, which has no such
-- column.  One row.
SELECT revision FROM state WHERE one = 1
