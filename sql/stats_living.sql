-- The JSON array ?1 with one more number, ?2.
SELECT json_insert(?1, '$[#]', ?2)
