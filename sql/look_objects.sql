-- What is there of the log's schema.  A scan of the schema, a few dozen rows; run only when the
-- schema changed.
SELECT type, name, tbl_name FROM sqlite_schema
WHERE name = 'events' COLLATE NOCASE OR name LIKE 'events\_%' ESCAPE '\' OR name LIKE 'rowcast\_%' ESCAPE '\'
