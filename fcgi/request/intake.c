/* A state machine that is fed by a worker for WORKER_TRY_MS, and by the parking afterwards.  It
 * never waits, so the same code serves a request that is at hand and one that trickles in over
 * 30 s.
 *
 * Three things can be wrong with a connection, and each has its own end.  If no request comes,
 * the connection is closed.  If there is no memory for the headers, the client is told `later`
 * or 503, by a guess from the raw bytes (looks_like_get), since an EventSource that is closed
 * without a byte is dead.  A request for another role is declined as the standard has it
 * (FastCGI specification, 5.5). */
#include "fcgi/request/intake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fcgi/stream/brief.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/request/reply.h"

/* After READS_AT_ONCE a sender that never pauses lets the other connections of its thread have
 * their turn.  RETRY_MS stands for the setting `retry`, which is not at hand here. */
enum { READS_AT_ONCE = 64, RETRY_MS = 3000 };

void intake_begin(struct intake *i, int fd, const struct intake_patience *patience,
                  int64_t now_ms)
{
    static const struct intake_patience usual = {INTAKE_HEAD_MS, INTAKE_BODY_MS,
                                                 INTAKE_REST_MS};
    struct timeval none = {0};
    int on = 1;
    /* The listener's timeout (accept.c) was inherited. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    request_begin(&i->request, fd, FRAMING_FASTCGI, 0);
    /* From the start: if the request is answered before its end, the connection is only half
     * closed. */
    i->request.body_unread = true;
    fastcgi_begin(&i->reader);
    i->patience = patience ? *patience : usual;
    i->stage = INTAKE_HEAD;
    i->drops = i->publishes = false;
    i->held_at = 0;
    i->body_max = i->head_size = 0;
    i->until_ms = now_ms + i->patience.head;
    i->at = i->len = 0;
}

/* Whether this looks like the request of a stream, judging by the raw content of PARAMS, in
 * which a name and its value are side by side. */
static bool looks_like_get(const struct intake *i)
{
    static const char get[] = "REQUEST_METHODGET";
    return memmem(i->bytes, i->len, get, sizeof get - 1) ||
           (i->reader.pairs &&
            memmem(i->reader.pairs, i->reader.pairs_len, get, sizeof get - 1));
}

/* The headers will never be known.  But an EventSource that was accepted must not get a 5xx,
 * which it would without a byte from us.  What still comes is read and dropped, because bytes
 * that are unread when a socket is closed reset it, and the answer would be lost. */
static void dismiss(struct intake *i)
{
    const struct request *r = &i->request;
    if (looks_like_get(i))
        brief_later(r->fd, r->framing, i->reader.request_id, RETRY_MS);
    else
        brief_unavailable(r->fd, r->framing, i->reader.request_id);
    for (int n = 0;
         n < READS_AT_ONCE && recv(r->fd, i->bytes, sizeof i->bytes, MSG_DONTWAIT) > 0; n++)
        ;
}

static enum intake_news take_headers(struct intake *i)
{
    char *text;
    const char **variable;
    size_t size = i->reader.pairs_room;
    enum fastcgi_part part = fastcgi_variables(&i->reader, &text, &variable);
    if (part == FASTCGI_NOMEM)
        dismiss(i);
    if (part != FASTCGI_VARIABLES)
        return INTAKE_OVER;
    for (const char **v = variable; *v; v++)
        size += sizeof *v;
    i->head_size = size;
    request_take_variables(&i->request, text, variable);
    i->request.request_id = i->reader.request_id;
    return INTAKE_HEADERS;
}

static enum intake_news take_piece(struct intake *i)
{
    struct request *r = &i->request;
    if (i->stage == INTAKE_REST || i->drops)
        return INTAKE_WAITS;
    r->body_lost = !request_body(r, i->reader.piece, i->reader.piece_len, i->body_max);
    return r->body_lost || r->body_too_large ? INTAKE_WHOLE : INTAKE_WAITS;
}

static enum intake_news take_end(struct intake *i)
{
    i->request.body_unread = false;
    return i->stage == INTAKE_REST ? INTAKE_OVER : INTAKE_WHOLE;
}

static enum intake_news decline(struct intake *i)
{
    uint8_t end[FASTCGI_DECLINE];
    fastcgi_decline(&i->reader, end);
    (void)send(i->request.fd, end, sizeof end, MSG_DONTWAIT | MSG_NOSIGNAL);
    return INTAKE_OVER;
}

/* Use the bytes that were received.  INTAKE_WAITS: nothing to tell, go on. */
static enum intake_news intake_take(struct intake *i)
{
    const uint8_t *at = i->bytes + i->at;
    enum fastcgi_part part = fastcgi_read(&i->reader, &at, i->bytes + i->len);
    i->at = (size_t)(at - i->bytes);
    switch (part) {
    case FASTCGI_MORE:
        return INTAKE_WAITS;
    case FASTCGI_VARIABLES:
        return take_headers(i);
    case FASTCGI_BODY:
        return take_piece(i);
    case FASTCGI_END:
        return take_end(i);
    case FASTCGI_ROLE:
        return decline(i);
    case FASTCGI_NOMEM:
        dismiss(i);
        break;
    case FASTCGI_BROKEN:
        break;
    }
    return INTAKE_OVER;
}

enum intake_news intake_step(struct intake *i)
{
    for (int reads = 0;;) {
        while (i->at < i->len) {
            enum intake_news news = intake_take(i);
            if (news != INTAKE_WAITS)
                return news;
        }
        if (reads++ == READS_AT_ONCE)
            return INTAKE_WAITS;
        ssize_t n = recv(i->request.fd, i->bytes, sizeof i->bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return INTAKE_WAITS;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return INTAKE_OVER;
        i->at = 0;
        i->len = (size_t)n;
    }
}

void intake_want(struct intake *i, size_t body_max, int64_t now_ms)
{
    i->stage = INTAKE_BODY;
    i->drops = body_max == 0;
    i->body_max = body_max;
    i->until_ms = now_ms + i->patience.body;
}

void intake_rest(struct intake *i, int64_t now_ms)
{
    int fd = request_take_fd(&i->request);
    request_end(&i->request);
    i->request.fd = fd;
    i->head_size = 0;
    i->held_at = 0;
    i->stage = INTAKE_REST;
    i->until_ms = now_ms + i->patience.rest;
}

void intake_hold(struct intake *i, int64_t now_ms)
{
    if (!i->held_at)
        i->held_at = now_ms;
}

void intake_release(struct intake *i, int64_t now_ms)
{
    /* The sender's deadline does not count the time in which we did not read. */
    if (i->held_at)
        i->until_ms += now_ms - i->held_at;
    i->held_at = 0;
}

bool intake_is_late(const struct intake *i, int64_t now_ms)
{
    return !i->held_at && now_ms >= i->until_ms;
}

size_t intake_size(const struct intake *i)
{
    return i->reader.pairs_room + i->head_size + i->request.body_room;
}

bool intake_refuse(struct intake *i, int status, const char *sentence)
{
    if (i->stage == INTAKE_HEAD && status == 503 && looks_like_get(i))
        dismiss(i);
    if (i->stage != INTAKE_BODY)
        return false;
    reply_error(&i->request, status, status == 503 ? "Retry-After: 1\r\n" : NULL, sentence);
    return true;
}

void intake_end(struct intake *i)
{
    fastcgi_end(&i->reader);
    request_end(&i->request);
}
