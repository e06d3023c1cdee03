-- Whether everything is there that files of earlier versions lack.
SELECT count(*) = 3 FROM sqlite_schema
WHERE name IN ('departed', 'departed_token', 'departed_lasting')
