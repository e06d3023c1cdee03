-- The first row of the JSON array ?1 (log_insert_rows.sql) that is for a session which does not
-- exist: its number, from 1, and that session.  2 µs a row and a seek by the primary key.
SELECT json_each.key + 1, value ->> 1 FROM json_each(?1)
WHERE value ->> 1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = value ->> 1)
ORDER BY json_each.key LIMIT 1
