-- The client of session ?1 is back, so its time does not run.  One row, by the primary key.
UPDATE sessions SET last_seen_at = ?3, user_agent = ?4, remote_addr = ?5, client_version = ?6,
  subscriptions = ?7, headers = ?8, query = ?9, reconnections = reconnections + 1,
  idle_since = NULL
WHERE id = ?1
