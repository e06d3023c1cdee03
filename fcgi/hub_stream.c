#include <stdlib.h>
#include <utlist.h>

#include "fcgi/hub_internal.h"
#include "fcgi/log.h"
#include "fcgi/sse_format.h"

static void on_socket(uv_poll_t *w, int status, int events);

/* UV_DISCONNECT always, UV_WRITABLE only while the socket is full: a watch for writability that
 * nobody needs would turn the loop for ever. */
static void watch(struct stream *s, bool writable)
{
    if (s->watched)
        uv_poll_start(&s->watch, UV_DISCONNECT | (writable ? UV_WRITABLE : 0), on_socket);
}

static void leave_blocked(struct stream *s)
{
    if (s->state != STREAM_BLOCKED)
        return;
    DL_DELETE(s->hub->blocked, s);
    s->state = s->pending ? STREAM_ASKING : STREAM_WAITS;
}

static void block(struct stream *s)
{
    s->state = STREAM_BLOCKED;
    DL_APPEND(s->hub->blocked, s);
    watch(s, true);
}

static void on_socket(uv_poll_t *w, int status, int events)
{
    struct stream *s = w->data;
    if (status < 0 || (events & UV_DISCONNECT)) {
        client_say_end(&s->client);
        stream_close(s);
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
    e->mark.position = position;
    memcpy(e->mark.epoch, epoch, sizeof e->mark.epoch);
    h->friends.ended(h->friends.arg, e);
}

void stream_close(struct stream *s)
{
    struct hub *h = s->hub;
    leave_blocked(s);
    batches_forget(s);
    say_ended(h, s->ending, s->client.epoch, s->mark);
    h->seats--;
    h->stream[s->seat] = h->stream[h->seats];
    h->stream[s->seat]->seat = s->seat;
    atomic_fetch_sub(&h->taken, 1);
    if (s->watched)
        uv_close((uv_handle_t *)&s->watch, freed); /* before the descriptor is closed */
    client_free(&s->client);
    if (!s->watched)
        free(s);
    if (h->seats == 0)
        h->friends.emptied(h->friends.arg);
}

void stream_pump(struct stream *s)
{
    struct hub *h = s->hub;
    bool was_blocked = s->state == STREAM_BLOCKED;
    leave_blocked(s); /* if it blocks again, it goes to the end of the list: it was not stuck */
    for (;;) {
        uint64_t before = s->client.written;
        enum client_state state = client_pump(&s->client);
        if (s->client.written != before)
            s->wrote_at = uv_now(&h->loop);
        switch (state) {
        case CLIENT_IDLE:
            if (batches_next(s))
                break;
            if (was_blocked)
                watch(s, false);
            return;
        case CLIENT_BLOCKED:
            block(s);
            return;
        case CLIENT_TIRED:
            if (!s->watched)
                break;
            block(s); /* writable: its next turn comes with the loop's */
            return;
        case CLIENT_ENDED:
        case CLIENT_GONE:
            stream_close(s);
            return;
        }
    }
}

void stream_end(struct stream *s)
{
    client_end(&s->client, sse_jitter(s->hub->settings->retry));
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

void stream_begin(struct hub *h, struct ticket *t)
{
    struct stream *s = h->seats < h->streams_max + STREAMS_MORE ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        log_line(LOG_LEVEL_WARN, "stream_refused", "streams=%u", h->seats);
        say_ended(h, t->ending, t->epoch, t->bookmark);
        t->ending = NULL;
        ticket_free(t);
        atomic_fetch_sub(&h->taken, 1);
        return;
    }
    s->hub = h;
    s->number = h->numbers++;
    s->stream_id = t->stream_id;
    s->mark = s->mark_2 = s->mark_1 = s->mark_saved = t->bookmark;
    client_begin(&s->client, t);
    s->ending = t->ending;
    t->ending = NULL;
    ticket_free(t);
    s->seat = h->seats;
    h->stream[h->seats++] = s;
    if (!begin_watch(h, s)) {
        stream_close(s);
        return;
    }
    if (h->draining)
        client_end(&s->client, sse_jitter(h->settings->retry));
    stream_pump(s);
}
