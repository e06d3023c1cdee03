-- Advance served time by ?1; gives the time before.
UPDATE state SET served = served + ?1 WHERE one = 1 RETURNING served - ?1
