-- A write that changes nothing.  One row, by the primary key.
UPDATE rowcast_log SET version = version WHERE one = 1
