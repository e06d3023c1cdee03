-- Delete the entry of responder ?1.  By the primary key.
DELETE FROM main.responders WHERE id = ?1
