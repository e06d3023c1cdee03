-- How far which log was seen.  One row.
SELECT epoch, last_id FROM state WHERE one = 1
