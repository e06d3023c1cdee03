-- What GET /stats answers; ?1 to ?4 are what stats_sessions gives (NULL: not known).  Walks the
-- mailboxes, never the events.
SELECT json_object(
  'active_clients', ?1,
  'total_sessions', ?3,
  'buffered_sessions', ?3 - ?2,
  'responders', ?4,
  'config', json_object(
    'buffer_size', (SELECT CAST(value AS INTEGER) FROM rowcast_config WHERE name = 'buffer_size'),
    'buffer_ttl_seconds',
      (SELECT CAST(value AS INTEGER) FROM rowcast_config WHERE name = 'buffer_ttl'),
    'reconnection_enabled', json((SELECT iif(CAST(value AS INTEGER), 'true', 'false')
                                  FROM rowcast_config WHERE name = 'enable_reconnection'))),
  'log', json_object(
    'path', (SELECT file FROM pragma_database_list WHERE name = 'main'),
    'epoch', epoch,
    'last_event_id', epoch || '-' || last_id,
    'oldest_event_id', (SELECT rowcast_log.epoch || '-' || id FROM events WHERE id > 0
                        ORDER BY id LIMIT 1),
    'oldest_event_at', (SELECT created_at FROM events WHERE id > 0 ORDER BY id LIMIT 1),
    'events', (SELECT ifnull(sum(kept), 0) FROM rowcast_channels WHERE mailbox >= ''),
    'mailboxes', (SELECT count(*) FROM rowcast_channels WHERE mailbox >= '' AND kept > 0),
    'trimmed_to', trimmed_to,
    'bytes', bytes))
FROM rowcast_log WHERE one = 1
