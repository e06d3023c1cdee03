/* One stream in the loop.
 *
 * stream_pump lets a stream write until it cannot go on, and then asks what it does next.  The
 * answer is its state (hub_internal.h has the table), and each state names what will pump it
 * again:
 *
 *     WAITS       the next batch                 PUTS_OFF    the next tick
 *     STRAYS      a reset, or 3 s                BLOCKED     its socket
 *     ASKS        the answer
 *
 * That is the invariant: in any state, something is bound to pump the stream again.  A stream
 * that was forgotten would look like a quiet one, and nobody would see an error.  So the state
 * has one writer, which asserts the table.  Heartbeats, ends and a change of the log pump a
 * stream in any state but BLOCKED, in which the peer does not read: what is to be said waits
 * until it does.
 *
 * The bytes of an event belong to a batch that all streams share, so nothing can be put inside
 * them.  What the hub has to say itself goes out between two events: first a heartbeat; then,
 * if the stream is told to end, its end; then a change of the log; then gaps and the end of a
 * replay.  A FastCGI record tells its length before its content, so all but the heartbeat wait
 * for an end of an event that is the end of a record, too (client.h).
 *
 * Ending a stream never allocates.  The message with the last bookmark was made together with
 * the ticket, and goes to the janitor as it is.  The last stream in the list takes the seat
 * that becomes free.  The loop frees the stream when it has closed its watch.  It has to be so,
 * because streams are closed when memory is short, and because a drain must come to an end. */
#include <stdlib.h>

#include "fcgi/hub/hub_internal.h"
#include "fcgi/stream/sse_format.h"

/* Longer than a mark trails what was written (2 s), and a tick. */
enum { LINGER_MS = 4000 };

static void say_ended(struct hub *h, struct ending *e, const char *epoch, int64_t position)
{
    if (!e)
        return;
    e->bookmark.position = position;
    memcpy(e->bookmark.epoch, epoch, sizeof e->bookmark.epoch);
    h->friends.ended(h->friends.arg, e);
}

void stream_close_at(struct stream *s, int64_t received)
{
    struct hub *h = s->hub;
    question_forget(s);
    stream_move(s, STREAM_CLOSED);
    if (s->ending && s->client.answered)
        s->ending->bookmark.in_vain = false;
    say_ended(h, s->ending, s->client.epoch, received);
    h->seats--;
    h->stream[s->seat] = h->stream[h->seats];
    h->stream[s->seat]->seat = s->seat;
    watch_end(s); /* before the descriptor is closed */
    client_free(&s->client);
    if (!s->watched)
        free(s);
    stream_left(h);
}

void stream_close(struct stream *s)
{
    stream_close_at(s, mark_running(&s->mark, &s->hub->log, clock_now(s->hub)));
}

/* A poll of a client that brings no id stays, after it told something, until its mark has
 * passed that.  Otherwise the same rows would come in each poll.  What comes meanwhile is sent,
 * too. */
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

static int64_t retry(const struct stream *s)
{
    return sse_jitter(stream_retry(s->hub, s->claim_retry));
}

static void end_poll(struct stream *s)
{
    question_forget(s);
    client_end_poll(&s->client, retry(s));
}

/* What a stream does after its client said this; WRITES: there is more to write. */
static enum stream_state stream_next(struct stream *s, enum client_state said)
{
    if (said == CLIENT_BLOCKED)
        return STREAM_BLOCKED;
    if (said == CLIENT_TIRED) /* it is writable, so the loop gives it another turn */
        return s->watched ? STREAM_BLOCKED : STREAM_WRITES;
    if (!stream_is_over(s))
        return batches_next(s);
    end_poll(s);
    return STREAM_WRITES;
}

/* A stream wrote what it could.  Its watch is changed only if it was or is blocked; with each
 * batch, that spares the same change for thousands of others. */
static void stream_rest(struct stream *s, enum stream_state state, bool was_blocked)
{
    stream_move(s, state);
    if (state == STREAM_BLOCKED || was_blocked)
        watch_for(s, state == STREAM_BLOCKED);
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
    question_forget(s);
    stream_pump(s);
}
