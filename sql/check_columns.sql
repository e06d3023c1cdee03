-- The columns of table ?1, each with its type, whether it may be NULL, its default and its place in
-- the primary key.  Reads the schema in memory.
SELECT name, type || iif("notnull", ' NOT NULL', '') || ifnull(' DEFAULT ' || dflt_value, '')
             || iif(pk, ' KEY ' || pk, '')
FROM pragma_table_info(?1, 'main')
