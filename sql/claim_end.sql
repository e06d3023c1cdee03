-- Where the log stands.  One row.
SELECT epoch, last_id, max(trimmed_to, forgotten_to), forgotten_to
FROM rowcast_log WHERE one = 1
