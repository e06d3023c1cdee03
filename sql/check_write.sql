-- A write that changes nothing.
UPDATE rowcast_log SET version = version WHERE one = 1
