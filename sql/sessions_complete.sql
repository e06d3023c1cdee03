-- Whether the file has all that files of earlier versions lack.  A scan of the schema.
SELECT count(*) = 3 FROM sqlite_schema
WHERE name IN ('departed', 'departed_token', 'departed_lasting')
