-- Change setting ?1 to ?2; its trigger may refuse.
UPDATE rowcast_config SET value = ?2 WHERE name = ?1
