-- The next 100 mailboxes behind ?1.  Walks the primary key from there.
SELECT mailbox, kept, last_at FROM rowcast_channels WHERE mailbox > ?1 ORDER BY mailbox LIMIT 100
