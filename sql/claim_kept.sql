-- How many events mailbox ?1 keeps.  By the primary key.
SELECT kept FROM rowcast_channels WHERE mailbox = ?1
