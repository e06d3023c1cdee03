-- Delete the orders for responder ?1, which nobody will read any more.  Walks endings_responder.
DELETE FROM endings WHERE responder = ?1
