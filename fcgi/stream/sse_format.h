/* Events and blocks as text/event-stream bytes (WHATWG HTML, 9.2.6 "Interpreting an event
 * stream").
 *
 * Within a block `id:` comes last, because fetch-event-source takes an id as soon as it parses
 * it: if the connection broke behind the id, the rest of the block would be lost (measured).
 * Lines end with LF.  Data is split at CR, LF and CRLF, each line with its own `data: `.
 * Invalid UTF-8 goes out as U+FFFD.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_FCGI_SSE_FORMAT_H
#define ROWCAST_FCGI_SSE_FORMAT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/base/buffer.h"
#include "store/event.h"

/* Append one event in its live rendition, with `id: epoch-id` last if `ids`.  *object_end is
 * the offset of a JSON object's last brace from the beginning of the event, or 0.  For the type
 * `message`, or one that is not sound, there is no `event:` line. */
void sse_format_event(struct buffer *out, const struct event *e, const char *epoch, bool ids,
                      uint32_t *object_end);

/* Append what the replayed rendition has before the last brace:
 * `,"_replayed":true,"_originalTime":S` (seconds), without the comma in an empty object. */
void sse_format_mark(struct buffer *out, const struct event *e);

/* Append a block of our own, which ends with its blank line.  The opening is a comment line
 * and, right behind it, a block without data; `later` is the last block of a stream. */
void sse_format_opening(struct buffer *out, int64_t retry_ms, const char *id /* NULL: none */);
void sse_format_connected(struct buffer *out, const char *session_id, bool reconnection,
                          int64_t buffer_size, int64_t reconnections, int64_t heartbeat,
                          const char *id /* NULL: none */);
void sse_format_gap(struct buffer *out, const char *reason, const char *from /* NULL: null */,
                    const char *oldest /* NULL: null */, const char *id);
void sse_format_replay_start(struct buffer *out, int64_t count);
void sse_format_replay_end(struct buffer *out, int64_t count);
void sse_format_heartbeat(struct buffer *out, int64_t unix_seconds,
                          const char *id /* NULL: none */);
#define SSE_LATER "event: later\nretry: %" PRId64 "\n\n" /* the format of the next one */
void sse_format_later(struct buffer *out, int64_t retry_ms);

/* A random wait in [retry/2, retry*3/2], within 100 and 3600000 ms: browsers neither jitter nor
 * back off, so the server does it for them. */
int64_t sse_jitter(int64_t retry_ms);

#endif
