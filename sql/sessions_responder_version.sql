-- The process that is responder ?1 is of the version ?2.  By the primary key.
UPDATE main.responders SET version = ?2 WHERE id = ?1
