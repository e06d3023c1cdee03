/* A ticket becomes a stream, or is refused.  By now the stream is entered in the sessions, so a
 * refusal has to give its ending to the janitor like any other end. */
#include <stdlib.h>

#include "fcgi/base/log.h"
#include "fcgi/hub/hub_internal.h"
#include "fcgi/stream/brief.h"

/* The first stream of a process may end before anybody has read the settings. */
int64_t stream_retry(const struct hub *h, int64_t at_claim)
{
    return h->settings->version < 0 ? at_claim : h->settings->retry;
}

/* The stream was accepted and cannot be served: it is told to come later, which needs no
 * memory.  Its bookmark is still the one that the claim saved. */
static void refuse(struct hub *h, struct ticket *t, const char *why)
{
    log_line(LOG_LEVEL_WARN, "stream_refused", "streams=%u why=\"%s\"", h->seats, why);
    brief_later(t->fd, t->framing.kind, t->framing.request_id, stream_retry(h, t->retry));
    if (t->ending)
        h->friends.ended(h->friends.arg, t->ending);
    t->ending = NULL;
    ticket_free(t);
    stream_left(h);
}

/* NULL: it cannot be served, and *why says why. */
static struct stream *stream_new(struct hub *h, const struct ticket *t, const char **why)
{
    *why = "there are too many streams";
    if (h->seats == h->streams_max + STREAMS_MORE)
        return NULL;
    struct stream *s = calloc(1, sizeof *s);
    *why = "out of memory";
    if (!s)
        return NULL;
    s->hub = h;
    *why = "its socket cannot be watched"; /* no memory, or the kernel has no watch left */
    if (watch_begin(s, t->fd))
        return s;
    free(s);
    return NULL;
}

static void take_ticket(struct stream *s, struct ticket *t)
{
    s->began_at = s->beat_at = uv_now(&s->hub->loop);
    s->over_at = t->wait_ms < 0 ? 0 : s->began_at + (uint64_t)t->wait_ms;
    s->lingers = t->lingers;
    s->claim_retry = (int32_t)t->retry;
    client_begin(&s->client, t);
    s->ending = t->ending;
    t->ending = NULL;
    ticket_free(t);
    mark_begin(&s->mark, clock_now(s->hub),
               s->ending ? s->ending->bookmark.position : client_position(&s->client));
}

static void take_seat(struct stream *s)
{
    struct hub *h = s->hub;
    s->number = h->numbers++;
    s->seat = h->seats;
    h->stream[h->seats++] = s;
}

static bool is_wanted_ended(const struct stream *s)
{
    const struct ending *e = s->ending;
    return s->hub->draining || (e && order_names(s->hub, e->bookmark.stream_id));
}

void stream_begin(struct hub *h, struct ticket *t)
{
    const char *why;
    struct stream *s = stream_new(h, t, &why);
    if (!s) {
        refuse(h, t, why);
        return;
    }
    take_ticket(s, t);
    take_seat(s);
    watch_for(s, false);
    if (is_wanted_ended(s))
        stream_end(s);
    else
        stream_pump(s);
}
