-- The text of ?1 ?2.
SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2
