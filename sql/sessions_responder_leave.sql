-- Delete the entry of responder ?1.  By the primary key.
DELETE FROM responders WHERE id = ?1
