/* Answers that need no memory, for a connection that was accepted and cannot be served.  If it
 * were closed without a byte, the web server would answer 5xx, and an EventSource that gets a
 * 5xx is dead until its page is loaded anew.
 *
 * Nothing was written to `fd` before, so its buffer has room, and nothing here waits.  The
 * descriptor stays the caller's, who closes it.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_BRIEF_H
#define ROWCAST_FCGI_BRIEF_H

#include <stdint.h>

#include "fcgi/stream/framing.h"

/* To a stream: 200, `event: later` with a jittered `retry:`, the end of the request. */
void brief_later(int fd, enum framing_kind kind, uint16_t request_id, int64_t retry_ms);

/* To any other request: 503, out of memory, the end of the request. */
void brief_unavailable(int fd, enum framing_kind kind, uint16_t request_id);

#endif
