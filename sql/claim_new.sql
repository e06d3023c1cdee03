-- Make a session; a new one has 0 reconnections (?10).  Writes one row and the index of tokens.
INSERT INTO sessions(id, token, created_at, last_seen_at, user_agent, remote_addr,
                     client_version, subscriptions, headers, query, reconnections)
VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
