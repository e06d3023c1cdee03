-- The columns that the table events of a log of revision ?1 lacks.  NULL: it has all of them.  Reads
-- the schema in memory.
SELECT group_concat(column1, ', ')
FROM (VALUES ('id', 1), ('channel', 1), ('session_id', 1), ('type', 1), ('data', 1), ('dedup_key', 1),
             ('created_at', 1), ('key', 2), ('expires_at', 2))
WHERE column2 <= ?1 AND column1 NOT IN (SELECT name FROM pragma_table_info('events', 'main'))
