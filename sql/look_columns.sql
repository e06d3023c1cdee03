-- The columns that the table events should have and does not.  NULL: it has them all.
SELECT group_concat(column1, ', ')
FROM (VALUES ('id'), ('channel'), ('session_id'), ('type'), ('data'), ('dedup_key'), ('created_at'))
WHERE column1 NOT IN (SELECT name FROM pragma_table_info('events', 'main'))
