-- Mailbox ?1 is forgotten if it keeps nothing and nothing came since ?2.  By the primary key; the
-- trigger rowcast_channels_delete remembers how far it was trimmed.
DELETE FROM rowcast_channels WHERE mailbox = ?1 AND kept = 0 AND last_at < ?2
