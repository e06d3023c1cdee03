/* A state machine that is fed by whoever has a moment: a worker for WORKER_TRY_MS, the
 * parking afterwards.  It never waits, so the same code serves a request that is at hand and
 * one that trickles in over 30 s.
 *
 * Three things can be wrong with a connection, and each has its own end.  Who sends no
 * request is closed.  Whose headers are too large for our memory is told `later` or 503, by a
 * guess from the raw bytes (looks_like_get), since an EventSource that is closed without a
 * byte is dead.  Who asks for another role is declined as the standard has it (5.5). */
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

/* A sender that never pauses must let the other connections of its thread have their turn. */
enum { READS_AT_ONCE = 64, RETRY_MS = 3000 /* the settings are not at hand */ };

void intake_begin(struct intake *i, int fd, const struct intake_patience *patience,
                  int64_t now_ms)
{
    static const struct intake_patience usual = {INTAKE_HEAD_MS, INTAKE_BODY_MS,
                                                 INTAKE_REST_MS};
    struct timeval none = {0};
    int on = 1;
    /* A listener's timeout is inherited. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    request_begin(&i->request, fd, FRAMING_FASTCGI, 0);
    /* From the first byte on: whoever is answered before the end of the request is only half
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

/* Whether it begins like a stream's request, as far as that can be told from what is at hand:
 * the content of PARAMS as it came, a name and its value side by side. */
static bool looks_like_get(const struct intake *i)
{
    static const char get[] = "REQUEST_METHODGET";
    return memmem(i->bytes, i->len, get, sizeof get - 1) ||
           (i->reader.pairs &&
            memmem(i->reader.pairs, i->reader.pairs_len, get, sizeof get - 1));
}

/* Its headers will never be known; but an EventSource that was accepted must not get a 5xx, and
 * without a byte it would.  What else comes is dropped, or closing would reset the answer. */
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

/* What the bytes say that were received; INTAKE_WAITS: go on. */
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
    /* Time in which we did not read is not the sender's. */
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
