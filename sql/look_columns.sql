-- The columns that the table events lacks.  NULL: it has all of them.  Reads the schema in memory.
SELECT group_concat(column1, ', ')
FROM (VALUES ('id'), ('channel'), ('session_id'), ('type'), ('data'), ('dedup_key'), ('created_at'))
WHERE column1 NOT IN (SELECT name FROM pragma_table_info('events', 'main'))
