-- Needs no table.
SELECT json_object('error', ?1)
