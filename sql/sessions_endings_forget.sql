-- Those of responder ?1 up to ?2 were told.
DELETE FROM endings WHERE responder = ?1 AND id <= ?2
