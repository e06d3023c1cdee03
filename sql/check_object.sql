-- The text of the object of type ?1 with the name ?2, as it was created.  A scan of the schema.
SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2
