-- Nobody will ask for the endings of responder ?1 any more.
DELETE FROM endings WHERE responder = ?1
