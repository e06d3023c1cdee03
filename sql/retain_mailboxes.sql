-- The next 100 mailboxes after ?1.  Walks the primary key from there, and passes over names that no
-- event can have, which only a person can have written.
SELECT mailbox, kept, last_at FROM rowcast_channels
WHERE mailbox > ?1 AND typeof(mailbox) = 'text' AND length(CAST(mailbox AS BLOB)) <= 513
      AND instr(mailbox, char(0)) = 0
ORDER BY mailbox LIMIT 100
