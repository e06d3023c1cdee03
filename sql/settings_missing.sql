-- A row if the log was made by an earlier version: it has not all the settings.
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM rowcast_config WHERE name = 'cookie_path')
