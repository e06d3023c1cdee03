-- The log of epoch ?1 was seen up to ?2, and ends before that: it gets another epoch.  Two seeks of
-- primary keys.
UPDATE rowcast_log SET epoch = lower(hex(randomblob(4)))
WHERE one = 1 AND epoch = ?1 AND last_id < ?2 AND ifnull((SELECT max(id) FROM events), 0) < ?2
