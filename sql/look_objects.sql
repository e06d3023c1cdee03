-- What there is of the log's schema.  A few dozen rows, and only when the schema changed.
SELECT type, name, tbl_name FROM sqlite_schema
WHERE name = 'events' COLLATE NOCASE OR name LIKE 'events\_%' ESCAPE '\' OR name LIKE 'rowcast\_%' ESCAPE '\'
