-- The log is of revision ?1 now.  One row, by the primary key.
UPDATE main.rowcast_log SET revision = ?1 WHERE one = 1
