-- A new session; one that is made again has ?10 reconnections.
INSERT INTO sessions(id, token, created_at, last_seen_at, user_agent, remote_addr,
                     client_version, subscriptions, headers, query, reconnections)
VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
