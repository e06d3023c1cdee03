-- The log ?1 was seen up to ?2; a new epoch begins anew.
UPDATE state SET epoch = ?1, last_id = iif(epoch = ?1, max(last_id, ?2), ?2) WHERE one = 1
