-- Nobody has to be told of removals from the mailbox of session ?1.  By the primary key.
DELETE FROM rowcast_removed WHERE mailbox = '@' || ?1
