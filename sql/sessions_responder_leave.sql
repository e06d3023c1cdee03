-- Responder ?1 is no more.
DELETE FROM responders WHERE id = ?1
