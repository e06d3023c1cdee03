-- How far the log was seen, and under which epoch.  One row.
SELECT epoch, last_id FROM state WHERE one = 1
