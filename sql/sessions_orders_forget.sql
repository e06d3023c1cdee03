-- Delete the orders for responder ?1 up to ?2, which it has read.  Walks endings_responder.
DELETE FROM endings WHERE responder = ?1 AND id <= ?2
