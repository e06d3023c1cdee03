-- The version of the sessions' schema; cannot be prepared where there is none yet.
SELECT version FROM state WHERE one = 1
