-- Forget mailbox ?1 if it keeps nothing and nothing has come since ?2.  By the primary key; the
-- trigger rowcast_channels_delete notes in forgotten_to how far it was trimmed.
DELETE FROM rowcast_channels WHERE mailbox = ?1 AND kept = 0 AND last_at < ?2
