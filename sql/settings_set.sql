-- Change setting ?1 to ?2, unless its trigger refuses.  By the primary key.
UPDATE rowcast_config SET value = ?2 WHERE name = ?1
