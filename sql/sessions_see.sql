-- The log of epoch ?1 was seen up to ?2; for a new epoch the old id does not count.  One row.
UPDATE state SET epoch = ?1, last_id = iif(epoch = ?1, max(last_id, ?2), ?2) WHERE one = 1
