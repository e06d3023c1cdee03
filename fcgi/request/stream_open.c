/* All that is said before the first row is made here, in one piece: headers, opening,
 * connected, a gap, the beginning of the replay.  It goes into the ticket, so the hub writes it
 * like any other bytes.  If there is no memory for it, the claim is given back before the
 * client has heard of it.
 *
 * Order matters.  The claim is entered before the ticket exists, so a failure afterwards has
 * to end the stream again (opening_give_back).  Otherwise its session would count as active
 * until this process dies. */
#include "fcgi/request/stream_open.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgi/base/log.h"
#include "fcgi/request/reply.h"
#include "fcgi/stream/sse_format.h"
#include "fcgi/request/wish.h"

static atomic_bool coming_later, unsaved;

/* no-transform keeps proxies from compressing, which would hold events back until a block is
 * full; X-Accel-Buffering keeps nginx from buffering.  The token is in a header, too, for
 * clients that keep no cookies.  If the client keeps its token, no cookie is written: that
 * would renew it for 400 days although nobody knows whether it is ours. */
static void add_headers(struct buffer *out, const struct settings *settings,
                        const struct request *r, const struct claim *c)
{
    buffer_text(out, "Status: 200 OK\r\n"
                     "Content-Type: text/event-stream\r\n"
                     "Cache-Control: no-store, no-transform\r\n"
                     "X-Accel-Buffering: no\r\n");
    if (c->token[0])
        buffer_printf(out, "X-SSE-Session-ID: %s\r\n", c->token);
    if (c->token[0] && !c->keeps_token)
        cookie_write(out, settings, r, c);
    buffer_text(out, "\r\n");
}

static void add_gap(struct buffer *out, const struct claim *c, const char *id)
{
    char from[EVENT_ID_SIZE], oldest[EVENT_ID_SIZE];
    if (c->gap_from >= 0)
        event_id_format(from, c->epoch, c->gap_from);
    if (c->gap_oldest > 0)
        event_id_format(oldest, c->epoch, c->gap_oldest);
    sse_format_gap(out, gap_reason_text(c->gap), c->gap_from >= 0 ? from : NULL,
                   c->gap_oldest > 0 ? oldest : NULL, id);
}

/* Each block has the id at which a client has to resume if it is cut right after that block.
 * The opening repeats the id that was presented.  `connected` has the cursor's, but not before
 * a gap: a client that was cut between the two would resume after the gap, and never hear of
 * it. */
static void add_blocks(struct buffer *out, const struct settings *settings,
                       const struct claim *c, int64_t heartbeat)
{
    char presented[EVENT_ID_SIZE], cursor[EVENT_ID_SIZE];
    bool ids = settings->enable_reconnection, gap = ids && c->gap != GAP_NONE;
    event_id_format(cursor, c->epoch, c->cursor);
    if (c->presented >= 0)
        event_id_format(presented, c->presented_epoch, c->presented);
    sse_format_opening(out, sse_jitter(settings->retry),
                       ids && c->presented >= 0 ? presented : NULL);
    sse_format_connected(out, c->session_id[0] ? c->session_id : NULL, c->reconnection,
                         settings->buffer_size, c->reconnections, heartbeat,
                         ids && !gap ? cursor : NULL);
    if (gap)
        add_gap(out, c, cursor);
    if (c->count > 0)
        sse_format_replay_start(out, c->count);
}

/* The hub must not wait for a client.  A file cannot be polled, and is written blocking. */
static void unblock(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && fstat(fd, &st) == 0 && (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Where the session begins again if nothing of the stream ever counts as received. */
static struct bookmark first_bookmark(const struct claim *c)
{
    struct bookmark b = {.stream_id = c->stream_id, .position = c->bookmark};
    memcpy(b.epoch, c->epoch, sizeof b.epoch);
    return b;
}

/* False: out of memory.  A stream that is not saved needs no ending. */
static bool add_ending(struct ticket *t, const struct claim *c)
{
    if (c->stream_id == 0)
        return true;
    t->ending = calloc(1, sizeof *t->ending);
    if (!t->ending)
        return false;
    t->ending->bookmark = first_bookmark(c);
    return true;
}

static void add_cursor(struct ticket *t, const struct claim *c)
{
    memcpy(t->epoch, c->epoch, sizeof t->epoch);
    cursor_begin(&t->cursor, c->subscription, c->cursor, c->until);
    t->cursor.private_to = c->private_to;
    t->cursor.last_sent = t->ids ? c->cursor : -1;
    t->cursor.replaying = c->count > 0;
    t->cursor.anew = c->presented < 0;
}

/* Make the ticket that of a poll.  If it has nothing to tell yet, the claim has counted that no
 * row up to `until` is for it, so its cursor begins there, and its end tells that position. */
static void make_poll(struct ticket *t, const struct claim *c)
{
    bool gap = t->ids && c->gap != GAP_NONE;
    t->answered = gap || t->cursor.replaying;
    t->lingers = c->reconnection && c->presented < 0;
    if (!t->answered)
        t->cursor.after = c->until;
    if (t->ending)
        t->ending->bookmark.in_vain = !t->answered && !c->reconnection;
}

/* Takes over the claim's subscription and the request's descriptor, or neither. */
static struct ticket *ticket_new(const struct settings *settings, struct request *r,
                                 const struct claim *c, const struct wish *w)
{
    struct ticket *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->fd = -1;
    add_headers(&t->prologue, settings, r, c);
    add_blocks(&t->prologue, settings, c, settings_heartbeat(settings, w->heartbeat));
    if (t->prologue.failed || !add_ending(t, c)) {
        ticket_free(t);
        return NULL;
    }
    t->ids = settings->enable_reconnection;
    t->retry = settings->retry;
    t->heartbeat = w->heartbeat;
    t->wait_ms = w->wait_ms;
    framing_begin(&t->framing, r->framing, r->request_id);
    add_cursor(t, c);
    if (w->wait_ms >= 0)
        make_poll(t, c);
    t->fd = request_take_fd(r);
    unblock(t->fd);
    return t;
}

/* End a stream that was entered, but will not be served. */
static void opening_give_back(struct store *s, struct claim *c)
{
    const struct bookmark b = first_bookmark(c);
    if (c->stream_id != 0)
        (void)store_ended(s, &b, 1);
    subscription_free(c->subscription);
}

static struct ticket *claim(struct store *s, const struct settings *settings, struct request *r,
                            const struct wish *w)
{
    struct claim c = {.presented = -1, .gap_from = -1};
    enum store_result result = store_claim(s, settings, &w->claim, &c);
    log_outage(&coming_later, result != STORE_OK, "streams_come_later", store_why(s));
    if (result != STORE_OK)
        return NULL;
    log_outage(&unsaved, c.saved != STORE_OK, "sessions_unsaved",
               c.saved == STORE_FULL ? "no room for the sessions file" : store_why(s));
    struct ticket *t = ticket_new(settings, r, &c, w);
    if (!t)
        opening_give_back(s, &c);
    return t;
}

/* If that cannot be found out, the claim comes next, fails as well, and says why. */
static bool had_better_wait(struct store *s, const struct wish *w, struct claim_open *open)
{
    return store_claim_waits(s, &w->claim, open) == STORE_OK && open->n > 0;
}

struct ticket *stream_claim(struct store *s, const struct settings *settings, struct request *r,
                            const struct query *q, struct claim_open *open)
{
    struct wish w;
    bool nomem;
    struct ticket *t = NULL;
    const char *wrong = wish_read(&w, settings, r, q, &nomem);
    if (wrong)
        reply_error(r, 400, NULL, wrong);
    else if (request_is_head(r)) /* nobody will listen: no session, no stream */
        reply_send(r, &(struct reply){.status = 200, .type = REPLY_STREAM});
    else if (!nomem && open && had_better_wait(s, &w, open))
        ; /* not yet */
    else if (nomem || !(t = claim(s, settings, r, &w)))
        reply_later(r, settings->retry);
    wish_free(&w);
    return t;
}
