/* Plain CGI has one process for each request, and main takes signals only after the request was
 * answered.  So the body is polled, with looks at pending signals in between; otherwise a
 * client that does not send its body would keep the process from ending.  The descriptors may
 * be pipes or files, so nothing here relies on sockets. */
#include "fcgi/request/cgi.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/monotonic.h"
#include "fcgi/base/stop.h"
#include "fcgi/stream/brief.h"
#include "fcgi/request/reply.h"

/* RETRY_MS stands for the setting `retry`, which is not at hand yet. */
enum { LOOK_MS = 100, RETRY_MS = 3000 };

enum body_wait { BODY_COMES, BODY_ENDS_TOLD, BODY_LATE };

static enum body_wait wait_for_body(int in, int64_t until_ms)
{
    struct pollfd p = {.fd = in, .events = POLLIN};
    while (poll(&p, 1, LOOK_MS) <= 0) {
        if (stop_is_pending())
            return BODY_ENDS_TOLD;
        if (monotonic_ms() >= until_ms)
            return BODY_LATE;
    }
    return BODY_COMES;
}

/* Read up to `left` bytes; returns 0 at the end, and after an error. */
static size_t cgi_read_some(int in, char *out, size_t size, uint64_t left)
{
    ssize_t n;
    do
        n = read(in, out, left < size ? (size_t)left : size);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

bool cgi_body(struct request *r, int in, size_t body_max, int patience_ms)
{
    char chunk[8192];
    uint64_t left;
    int64_t until = monotonic_ms() + patience_ms;
    size_t n = 1;
    (void)request_content_length(r, &left); /* without one there is no body (RFC 3875, 4.1.2) */
    for (; left > 0 && n > 0 && !r->body_lost; left -= n) {
        switch (wait_for_body(in, until)) {
        case BODY_ENDS_TOLD:
            reply_error(r, 503, "Retry-After: 1\r\n", STOP_SENTENCE);
            return false;
        case BODY_LATE:
            reply_error(r, 408, NULL, "the body did not come in time");
            return false;
        case BODY_COMES:
            break;
        }
        n = cgi_read_some(in, chunk, sizeof chunk, left);
        r->body_lost = !request_body(r, chunk, n, body_max);
    }
    return true;
}

void cgi_rest(const struct request *r, int in, int patience_ms)
{
    char chunk[8192];
    uint64_t left;
    int64_t until = monotonic_ms() + patience_ms;
    (void)request_content_length(r, &left);
    for (size_t n = 1; left > 0 && n > 0; left -= n) {
        if (monotonic_ms() >= until || wait_for_body(in, until) != BODY_COMES)
            return;
        n = cgi_read_some(in, chunk, sizeof chunk, left);
    }
}

static bool is_get(const char *const *environment)
{
    while (*environment && strcmp(*environment, "REQUEST_METHOD=GET") != 0)
        environment++;
    return *environment;
}

bool cgi_request(struct request *r, const char *const *environment, int out)
{
    request_begin(r, out, FRAMING_NONE, 0);
    if (request_variables(r, environment))
        return true;
    if (is_get(environment))
        brief_later(out, FRAMING_NONE, 0, RETRY_MS);
    else
        brief_unavailable(out, FRAMING_NONE, 0);
    request_end(r);
    return false;
}
