-- What the log keeps: id and time of its oldest event (NULL: there is none), how many events and
-- mailboxes, and the bytes of the events.  Walks the mailboxes, never the events.
SELECT (SELECT id FROM events WHERE id > 0 ORDER BY id LIMIT 1),
       (SELECT created_at FROM events WHERE id > 0 ORDER BY id LIMIT 1),
       (SELECT ifnull(sum(kept), 0) FROM rowcast_channels WHERE mailbox >= ''),
       (SELECT count(*) FROM rowcast_channels WHERE mailbox >= '' AND kept > 0),
       bytes
FROM rowcast_log WHERE one = 1
