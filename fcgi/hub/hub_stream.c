#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <utlist.h>

#include "fcgi/request/brief.h"
#include "fcgi/hub/hub_internal.h"
#include "fcgi/base/log.h"
#include "fcgi/stream/sse_format.h"

/* Longer than a mark trails. */
enum { LINGER_MS = 4000 };

static void on_socket(uv_poll_t *w, int status, int events);
static void close_at(struct stream *s, int64_t received);

/* The event that says that the peer left.  mod_cgid hands a CGI program one socket for input
 * and output, and shuts down its side of it when the request's body is over: there only the
 * hang-up of both sides counts.  libuv tells that of any event it watches, and this one never
 * comes by itself. */
static int departure(const struct stream *s)
{
    return s->client.framing.kind == FRAMING_NONE ? UV_PRIORITIZED : UV_DISCONNECT;
}

/* The departure always, UV_WRITABLE only while the socket is full: a watch for writability that
 * nobody needs would turn the loop for ever. */
static void watch(struct stream *s, bool writable)
{
    if (s->watched)
        uv_poll_start(&s->watch, departure(s) | (writable ? UV_WRITABLE : 0), on_socket);
}

/* Who leaves in order has read all that was written, or it is still in the socket.  A peer that
 * closes before it read all of it comes as an error. */
static int64_t mark_of_departure(const struct stream *s, int status)
{
    struct hub *h = s->hub;
    int unread = 0;
    bool told = status == 0 && s->client.is_socket &&
                ioctl(s->client.fd, SIOCOUTQ, &unread) == 0 && unread == 0;
    return told ? mark_told(&s->mark, &h->log, clock_now(h))
                : mark_running(&s->mark, &h->log, clock_now(h));
}

static void on_socket(uv_poll_t *w, int status, int events)
{
    struct stream *s = w->data;
    if (status < 0 || (events & departure(s))) {
        int64_t received = mark_of_departure(s, status);
        client_say_end(&s->client);
        close_at(s, received);
    } else if (events & UV_WRITABLE) {
        stream_pump(s);
    }
}

static void freed(uv_handle_t *w)
{
    free(w->data);
}

static void say_ended(struct hub *h, struct ending *e, const char *epoch, int64_t position)
{
    if (!e)
        return;
    e->bookmark.position = position;
    memcpy(e->bookmark.epoch, epoch, sizeof e->bookmark.epoch);
    h->friends.ended(h->friends.arg, e);
}

void stream_left(struct hub *h)
{
    if (atomic_fetch_sub(&h->taken, 1) == 1)
        h->friends.emptied(h->friends.arg);
}

static void close_at(struct stream *s, int64_t received)
{
    struct hub *h = s->hub;
    batches_forget(s);
    stream_move(s, STREAM_CLOSED);
    if (s->ending && s->client.answered)
        s->ending->bookmark.in_vain = false;
    say_ended(h, s->ending, s->client.epoch, received);
    h->seats--;
    h->stream[s->seat] = h->stream[h->seats];
    h->stream[s->seat]->seat = s->seat;
    if (s->watched)
        uv_close((uv_handle_t *)&s->watch, freed); /* before the descriptor is closed */
    client_free(&s->client);
    if (!s->watched)
        free(s);
    stream_left(h);
}

void stream_close(struct stream *s)
{
    close_at(s, mark_running(&s->mark, &s->hub->log, clock_now(s->hub)));
}

/* Once it told something, a poll of a client that brings no id stays until its mark is behind
 * that: else the same rows would come in each poll.  What comes meanwhile is sent as well. */
static bool linger(struct stream *s)
{
    if (!s->lingers || !s->client.answered)
        return false;
    s->lingers = false;
    s->lingering = true;
    s->over_at = uv_now(&s->hub->loop) + LINGER_MS;
    return true;
}

bool stream_is_over(struct stream *s)
{
    const struct client *c = &s->client;
    if (s->over_at == 0 || c->cursor.replaying)
        return false;
    if (uv_now(&s->hub->loop) < s->over_at && (!c->answered || s->lingering))
        return false;
    return !linger(s);
}

/* The first stream of a process may end before anybody has read the settings. */
static int64_t retry_now(const struct hub *h, int64_t at_claim)
{
    return h->settings->version < 0 ? at_claim : h->settings->retry;
}

static int64_t retry(const struct stream *s)
{
    return sse_jitter(retry_now(s->hub, s->claim_retry));
}

static void end_poll(struct stream *s)
{
    batches_forget(s);
    client_end_poll(&s->client, retry(s));
}

/* What it writes next, or else what it does; not after a client's last word. */
static enum stream_state stream_next(struct stream *s, enum client_state said)
{
    if (said == CLIENT_BLOCKED)
        return STREAM_BLOCKED;
    if (said == CLIENT_TIRED) /* writable: its next turn comes with the loop's */
        return s->watched ? STREAM_BLOCKED : STREAM_WRITES;
    if (!stream_is_over(s))
        return batches_next(s);
    end_poll(s);
    return STREAM_WRITES;
}

/* It wrote what it could. */
static void stream_rest(struct stream *s, enum stream_state state, bool was_blocked)
{
    stream_move(s, state);
    if (state == STREAM_BLOCKED || was_blocked)
        watch(s, state == STREAM_BLOCKED);
}

/* Note whether it wrote, and whether it has everything up to the log's end now. */
static void note_place(struct stream *s, uint64_t written)
{
    uint64_t now = clock_now(s->hub);
    if (s->client.written != written)
        mark_wrote(&s->mark, now);
    mark_stands(&s->mark, &s->hub->log, now, s->state == STREAM_WAITS);
}

void stream_pump(struct stream *s)
{
    const bool was_blocked = s->state == STREAM_BLOCKED;
    const uint64_t written = s->client.written;
    enum stream_state next = STREAM_WRITES;
    stream_move(s, STREAM_WRITES);
    while (next == STREAM_WRITES) {
        enum client_state said = client_pump(&s->client);
        if (said == CLIENT_ENDED || said == CLIENT_GONE) {
            stream_close(s);
            return;
        }
        next = stream_next(s, said);
    }
    stream_rest(s, next, was_blocked);
    note_place(s, written);
}

void stream_end(struct stream *s)
{
    client_end(&s->client, retry(s));
    if (s->state == STREAM_BLOCKED)
        return; /* it ends when its event is out */
    batches_forget(s);
    stream_pump(s);
}

static bool begin_watch(struct hub *h, struct stream *s)
{
    s->watch.data = s;
    int r = uv_poll_init(&h->loop, &s->watch, s->client.fd);
    s->watched = r == 0;
    if (s->watched)
        watch(s, false);
    return s->watched || r == UV_EPERM; /* EPERM: a file or /dev/null; it is written blocking */
}

static void log_refused(const struct hub *h, const char *why)
{
    log_line(LOG_LEVEL_WARN, "stream_refused", "streams=%u why=\"%s\"", h->seats, why);
}

/* It was accepted, and finds no seat: it is told to come later, for which nothing is needed. */
static void stream_refuse(struct hub *h, struct ticket *t, const char *why)
{
    log_refused(h, why);
    brief_later(t->fd, t->framing.kind, t->framing.request_id, retry_now(h, t->retry));
    if (t->ending) /* its bookmark is still the one that the claim saved */
        h->friends.ended(h->friends.arg, t->ending);
    t->ending = NULL;
    ticket_free(t);
    stream_left(h);
}

void stream_begin(struct hub *h, struct ticket *t)
{
    if (h->seats == h->streams_max + STREAMS_MORE) {
        stream_refuse(h, t, "there are too many");
        return;
    }
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        stream_refuse(h, t, "out of memory");
        return;
    }
    s->hub = h;
    s->number = h->numbers++;
    s->began_at = s->beat_at = uv_now(&h->loop);
    s->over_at = t->wait_ms < 0 ? 0 : s->began_at + (uint64_t)t->wait_ms;
    s->lingers = t->lingers;
    s->claim_retry = (int32_t)t->retry;
    client_begin(&s->client, t);
    s->ending = t->ending;
    t->ending = NULL;
    mark_begin(&s->mark, clock_now(h),
               s->ending ? s->ending->bookmark.position : client_position(&s->client));
    ticket_free(t);
    s->seat = h->seats;
    h->stream[h->seats++] = s;
    if (!begin_watch(h, s)) { /* no memory, or no watch to be had of the kernel */
        log_refused(h, "it cannot be watched");
        brief_later(s->client.fd, s->client.framing.kind, s->client.framing.request_id,
                    retry_now(h, s->claim_retry));
        stream_close(s);
        return;
    }
    if (h->draining || (s->ending && hub_is_wanted_ended(h, s->ending->bookmark.stream_id)))
        client_end(&s->client, retry(s));
    stream_pump(s);
}
