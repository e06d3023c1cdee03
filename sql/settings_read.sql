-- The settings.  Reads all of a table that never grows.
SELECT name, value FROM rowcast_config
