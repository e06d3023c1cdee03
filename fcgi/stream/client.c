/* What a client says next is decided only between two events, and there in one order: a block
 * of our own that was begun, a heartbeat that is due, the move or the end that the client was
 * told of, and only then its rows.  So an order is late by one event at most, and no block ever
 * lands inside an event, where a browser would take it for the event's data. */
#include "fcgi/stream/client.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/stream/client_internal.h"
#include "fcgi/stream/sse_format.h"

/* How much a client may write before the others have their turn: a peer that reads as fast as
 * we write would keep them waiting for the whole of its history. */
enum { TURN_BYTES = 1024 * 1024 };

void client_begin(struct client *c, struct ticket *t)
{
    struct stat st;
    memset(c, 0, sizeof *c);
    c->fd = t->fd;
    c->is_socket = fstat(t->fd, &st) == 0 && S_ISSOCK(st.st_mode);
    c->ids = t->ids;
    c->answered = t->answered;
    c->heartbeat = t->heartbeat;
    memcpy(c->epoch, t->epoch, sizeof c->epoch);
    c->framing = t->framing;
    c->cursor = t->cursor;
    c->own = t->prologue;
    t->fd = -1;
    t->cursor = (struct cursor){0};
    t->prologue = (struct buffer){0};
}

void client_free(struct client *c)
{
    cursor_end(&c->cursor);
    buffer_free(&c->own);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* NULL without ids: a client that got one would present it, and it could not be used. */
static const char *position_text(const struct client *c, int64_t id, char text[EVENT_ID_SIZE])
{
    if (!c->ids)
        return NULL;
    event_id_format(text, c->epoch, id);
    return text;
}

static void say_gap(struct client *c, const char *reason, int64_t from, int64_t oldest,
                    int64_t at)
{
    char from_text[EVENT_ID_SIZE], oldest_text[EVENT_ID_SIZE], id[EVENT_ID_SIZE];
    c->answered = true;
    sse_format_gap(&c->own, reason, from < 0 ? NULL : position_text(c, from, from_text),
                   oldest > 0 ? position_text(c, oldest, oldest_text) : NULL,
                   position_text(c, at, id));
}

/* The id lets a stream whose filter passes little resume near the end of the log.  It is left
 * out if the cursor did not move, since it would say nothing new. */
static void say_heartbeat(struct client *c)
{
    char text[EVENT_ID_SIZE];
    bool moved = c->cursor.after > c->cursor.last_sent;
    sse_format_heartbeat(&c->own, (int64_t)time(NULL),
                         moved ? position_text(c, c->cursor.after, text) : NULL);
    if (moved)
        c->cursor.last_sent = c->cursor.after;
    c->owes_beat = false;
}

/* Asked between two events.  A client that ends completes its record, for which a heartbeat is
 * as good as rows, and then says no more. */
static bool may_beat(const struct client *c)
{
    if (!c->owes_beat || c->phase == CLIENT_SIGNS_OFF)
        return false;
    return c->phase != CLIENT_ENDS || framing_open(&c->framing);
}

/* A replay that was begun is ended first, because a page waits for its end, and no row of the
 * old log will come any more. */
static void begin_elsewhere(struct client *c)
{
    struct cursor *k = &c->cursor;
    if (k->replaying)
        sse_format_replay_end(&c->own, k->replayed);
    memcpy(c->epoch, c->move_epoch, sizeof c->epoch);
    client_turn(c, CLIENT_STREAMS);
    cursor_restart(k, c->move_to);
    say_gap(c, "epoch", -1, 0, c->move_to);
}

/* First `later`, then the end of the request.  Plain CGI has no bytes for the latter, so there
 * the client has ended when `later` is out. */
static enum client_state take_leave(struct client *c)
{
    uint8_t end[FRAMING_END_SIZE];
    size_t len = framing_end(&c->framing, end);
    if (c->later_ms > 0) {
        sse_format_later(&c->own, c->later_ms);
        c->later_ms = 0;
        return CLIENT_TIRED;
    }
    client_turn(c, CLIENT_SIGNS_OFF);
    buffer_add(&c->own, end, len);
    return len && !c->own.failed ? CLIENT_TIRED : CLIENT_ENDED;
}

static enum client_state follow_batch(struct client *c)
{
    int64_t id, oldest;
    switch (cursor_next(&c->cursor, &id, &oldest)) {
    case CURSOR_BYTES:
        break;
    case CURSOR_GAP:
        say_gap(c, "trimmed", c->cursor.after, oldest, id);
        cursor_said_gap(&c->cursor, id);
        break;
    case CURSOR_REPLAYED:
        sse_format_replay_end(&c->own, c->cursor.replayed);
        cursor_said_replayed(&c->cursor);
        break;
    case CURSOR_DONE:
        return CLIENT_IDLE;
    }
    return CLIENT_TIRED;
}

/* Find what is said next.  CLIENT_TIRED: it waits to be written, in `own` or in the batch. */
static enum client_state between_events(struct client *c)
{
    switch (c->phase) {
    case CLIENT_STREAMS:
        return follow_batch(c);
    case CLIENT_MOVES:
        begin_elsewhere(c);
        break;
    case CLIENT_ENDS:
        return take_leave(c);
    case CLIENT_SIGNS_OFF:
        return CLIENT_ENDED;
    }
    return CLIENT_TIRED;
}

enum client_state client_pump(struct client *c)
{
    uint64_t turn_ends = c->written + TURN_BYTES;
    while (c->written < turn_ends) {
        if (!client_has_own(c) && cursor_between_events(&c->cursor)) {
            enum client_state s = CLIENT_TIRED;
            if (may_beat(c))
                say_heartbeat(c);
            else if (!framing_open(&c->framing))
                s = between_events(c);
            if (s != CLIENT_TIRED)
                return s;
        }
        if (c->own.failed)
            return CLIENT_GONE; /* out of memory: better to cut than to leave a block out */
        enum client_state s = client_write(c);
        if (s != CLIENT_TIRED)
            return s;
    }
    return CLIENT_TIRED;
}

/* Not inside a record, where these bytes would be taken for content. */
void client_say_end(struct client *c)
{
    uint8_t end[FRAMING_END_SIZE];
    size_t len = framing_end(&c->framing, end);
    if (len && c->is_socket && !framing_open(&c->framing) && c->phase != CLIENT_SIGNS_OFF)
        (void)!send(c->fd, end, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void client_turn(struct client *c, enum client_phase to)
{
    static const unsigned may_follow[] = {
        [CLIENT_STREAMS] = 1U << CLIENT_MOVES | 1U << CLIENT_ENDS,
        [CLIENT_MOVES] = 1U << CLIENT_STREAMS | 1U << CLIENT_MOVES | 1U << CLIENT_ENDS,
        [CLIENT_ENDS] = 1U << CLIENT_SIGNS_OFF,
        [CLIENT_SIGNS_OFF] = 0};
    assert(may_follow[c->phase] & 1U << to);
    (void)may_follow;
    c->phase = to;
}

bool client_ends(const struct client *c)
{
    return c->phase == CLIENT_ENDS || c->phase == CLIENT_SIGNS_OFF;
}

void client_end(struct client *c, int64_t later_ms)
{
    if (client_ends(c))
        return;
    client_turn(c, CLIENT_ENDS);
    c->later_ms = (int32_t)later_ms;
}

void client_move(struct client *c, const char *epoch, int64_t end)
{
    if (client_ends(c))
        return;
    client_turn(c, CLIENT_MOVES);
    memcpy(c->move_epoch, epoch, sizeof c->move_epoch);
    c->move_to = end;
}

void client_heartbeat(struct client *c)
{
    c->owes_beat = true;
}

/* The heartbeat is said here and not owed: a client that ends between two records, as this one
 * will, says no heartbeat any more (may_beat). */
void client_end_poll(struct client *c, int64_t later_ms)
{
    if (c->ids && c->cursor.after > c->cursor.last_sent)
        say_heartbeat(c);
    client_end(c, later_ms);
}

int64_t client_position(const struct client *c)
{
    return c->cursor.after;
}
