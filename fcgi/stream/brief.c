/* Header, text and end of the request are put together on the stack and leave by one send(), so
 * a peer gets all of it or nothing.  An error is not looked at: there is nobody left to
 * tell. */
#include "fcgi/stream/brief.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/stream/sse_format.h"

enum { TEXT_MAX = 320 };

static void send_framed(int fd, enum framing_kind kind, uint16_t request_id, const char *text,
                        size_t len)
{
    uint8_t bytes[FRAMING_HEADER + TEXT_MAX + FRAMING_END_SIZE];
    size_t at = 0;
    struct framing f;
    framing_begin(&f, kind, request_id);
    framing_record(&f, len);
    memcpy(bytes, f.header, f.header_left);
    at += f.header_left;
    framing_wrote(&f, f.header_left + len);
    memcpy(bytes + at, text, len);
    at += len;
    at += framing_end(&f, bytes + at);
    /* Under CGI the descriptor may be a pipe or a file, which send() refuses. */
    if (send(fd, bytes, at, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ENOTSOCK)
        (void)!write(fd, bytes, at);
}

void brief_later(int fd, enum framing_kind kind, uint16_t request_id, int64_t retry_ms)
{
    char text[TEXT_MAX];
    int len = snprintf(text, sizeof text,
                       "Status: 200 OK\r\n"
                       "Content-Type: text/event-stream\r\n"
                       "Cache-Control: no-store, no-transform\r\n"
                       "X-Accel-Buffering: no\r\n"
                       "\r\n" SSE_LATER,
                       sse_jitter(retry_ms));
    send_framed(fd, kind, request_id, text, (size_t)len);
}

void brief_unavailable(int fd, enum framing_kind kind, uint16_t request_id)
{
    static const char text[] = "Status: 503 Service Unavailable\r\n"
                               "Content-Type: application/json\r\n"
                               "Cache-Control: no-store\r\n"
                               "Retry-After: 1\r\n"
                               "\r\n"
                               "{\"error\":\"out of memory\"}\n";
    send_framed(fd, kind, request_id, text, sizeof text - 1);
}
