-- The mailboxes that were trimmed beyond ?1.  Walks rowcast_channels_trimmed_to from there.
SELECT mailbox, trimmed_to FROM rowcast_channels WHERE trimmed_to > ?1
