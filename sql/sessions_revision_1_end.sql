-- The sessions were upgraded: the connection reads them as they are.
DROP VIEW IF EXISTS temp.responders;
