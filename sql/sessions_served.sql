-- Advance served time by ?1, and return the time before.  One row.
UPDATE state SET served = served + ?1 WHERE one = 1 RETURNING served - ?1
