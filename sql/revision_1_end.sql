-- The log was upgraded: the connection reads it as it is.
DROP VIEW IF EXISTS temp.events;
DROP TABLE IF EXISTS temp.rowcast_removed;
