-- The version of the sessions' schema.  Cannot be prepared if there is no schema yet.  One row.
SELECT version FROM state WHERE one = 1
