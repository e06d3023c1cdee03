#include "fcgi/stream/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/stream/sse_format.h"

enum { SLICES = 32, TURN_BYTES = 1024 * 1024 };

void client_begin(struct client *c, struct ticket *t)
{
    struct stat st;
    memset(c, 0, sizeof *c);
    c->fd = t->fd;
    c->is_socket = fstat(t->fd, &st) == 0 && S_ISSOCK(st.st_mode);
    c->ids = t->ids;
    c->answered = t->answered;
    c->wait_ms = t->wait_ms;
    c->retry = t->retry;
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

/* The header that is still owed, then the slices, in one call. */
static ssize_t write_some(struct client *c, struct iovec *slice, size_t count)
{
    size_t owed = c->framing.header_left;
    slice[0].iov_base = c->framing.header + FRAMING_HEADER - owed;
    slice[0].iov_len = owed;
    struct iovec *first = owed ? slice : slice + 1;
    struct msghdr m = {.msg_iov = first, .msg_iovlen = count + (owed ? 1 : 0)};
    ssize_t n;
    do
        n = c->is_socket ? sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : writev(c->fd, first, (int)m.msg_iovlen);
    while (n < 0 && errno == EINTR);
    return n;
}

static enum client_state write_failed(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? CLIENT_BLOCKED
                                                                       : CLIENT_GONE;
}

static bool own_waits(const struct client *c)
{
    return c->own_sent < c->own.len;
}

static void own_done(struct client *c)
{
    /* An idle stream keeps no buffer: thousands of them are to fit in a few megabytes. */
    buffer_free(&c->own);
    c->own_sent = 0;
}

/* Whether the next piece has to stop at the end of the event.  Inside an open record only a
 * heartbeat can be said there. */
static bool halts(const struct client *c)
{
    return c->owes_beat || ((c->ending || c->moving) && !framing_open(&c->framing));
}

/* Write a piece of `own`, or of the batch.  CLIENT_TIRED: it went out, there may be more. */
static enum client_state write_piece(struct client *c)
{
    struct iovec slice[SLICES + 1];
    size_t count = 1, content;
    size_t limit = framing_open(&c->framing) ? c->framing.record_left : FRAMING_RECORD_MAX;
    bool own = own_waits(c);
    if (own) {
        content = c->own.len - c->own_sent < limit ? c->own.len - c->own_sent : limit;
        slice[1] = (struct iovec){c->own.bytes + c->own_sent, content};
    } else {
        if (halts(c) && cursor_event_left(&c->cursor) < limit)
            limit = cursor_event_left(&c->cursor);
        count = cursor_slices(&c->cursor, slice + 1, SLICES, limit, &content);
    }
    if (!framing_open(&c->framing) && !c->own_is_raw)
        framing_record(&c->framing, content);
    ssize_t n = write_some(c, slice, count);
    if (n < 0)
        return write_failed();
    c->written += (size_t)n;
    size_t passed = c->own_is_raw ? (size_t)n : framing_wrote(&c->framing, (size_t)n);
    if (own) {
        c->own_sent += passed;
    } else {
        c->answered = true;
        cursor_advance(&c->cursor, passed);
    }
    if (own && !own_waits(c))
        own_done(c);
    return CLIENT_TIRED;
}

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

/* Between two events.  A client that ends says the rest of its record and no more. */
static bool may_beat(const struct client *c)
{
    return c->owes_beat && !c->own_is_raw && (!c->ending || framing_open(&c->framing));
}

static void begin_elsewhere(struct client *c)
{
    struct cursor *k = &c->cursor;
    if (k->replaying)
        sse_format_replay_end(&c->own, k->replayed);
    memcpy(c->epoch, c->move_epoch, sizeof c->epoch);
    c->moving = false;
    cursor_restart(k, c->move_to);
    say_gap(c, "epoch", -1, 0, c->move_to);
}

/* Between two events, something else may have to be said first.  CLIENT_TIRED: something waits
 * to be written, in `own` or in the batch. */
static enum client_state between_events(struct client *c)
{
    int64_t id, oldest;
    if (c->own_is_raw)
        return CLIENT_ENDED;
    if (c->ending) {
        uint8_t end[FRAMING_END_SIZE];
        size_t len = framing_end(&c->framing, end);
        if (c->retry > 0) {
            sse_format_retry(&c->own, c->retry);
            c->retry = 0;
            return CLIENT_TIRED;
        }
        buffer_add(&c->own, end, len);
        c->own_is_raw = true;
        return len && !c->own.failed ? CLIENT_TIRED : CLIENT_ENDED;
    }
    if (c->moving) {
        begin_elsewhere(c);
        return CLIENT_TIRED;
    }
    if (!c->cursor.batch)
        return CLIENT_IDLE;
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

enum client_state client_pump(struct client *c)
{
    uint64_t turn_ends = c->written + TURN_BYTES;
    while (c->written < turn_ends) {
        if (!own_waits(c) && cursor_between_events(&c->cursor)) {
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
        enum client_state s = write_piece(c);
        if (s != CLIENT_TIRED)
            return s;
    }
    return CLIENT_TIRED;
}

void client_say_end(struct client *c)
{
    uint8_t end[FRAMING_END_SIZE];
    size_t len = framing_end(&c->framing, end);
    if (len && c->is_socket && !framing_open(&c->framing) && !c->own_is_raw)
        (void)!send(c->fd, end, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void client_end(struct client *c, int64_t retry_ms)
{
    if (c->ending)
        return;
    c->ending = true;
    c->retry = retry_ms;
}

void client_move(struct client *c, const char *epoch, int64_t end)
{
    c->moving = true;
    memcpy(c->move_epoch, epoch, sizeof c->move_epoch);
    c->move_to = end;
}

void client_heartbeat(struct client *c)
{
    c->owes_beat = true;
}

void client_end_poll(struct client *c, int64_t retry_ms)
{
    if (c->ids && c->cursor.after > c->cursor.last_sent)
        say_heartbeat(c);
    client_end(c, retry_ms);
}

int64_t client_position(const struct client *c)
{
    return c->cursor.after;
}
