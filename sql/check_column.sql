-- The same of the column ?2 of table ?1 alone.  Reads the schema in memory.
SELECT type || iif("notnull", ' NOT NULL', '') || ifnull(' DEFAULT ' || dflt_value, '')
       || iif(pk, ' KEY ' || pk, '')
FROM pragma_table_info(?1, 'main') WHERE name = ?2 COLLATE NOCASE
