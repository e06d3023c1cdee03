-- The newest id that left mailbox ?1; no row: it is forgotten.  By the primary key.
SELECT trimmed_to FROM rowcast_channels WHERE mailbox = ?1
