-- The settings.  Reads the whole table, which never grows.
SELECT name, value FROM rowcast_config
