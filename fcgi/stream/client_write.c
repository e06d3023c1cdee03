/* A client's bytes on their way to its socket, a piece at a time.  A piece is one record, or
 * what is left of one, so the length in its header is known before the first byte goes out. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fcgi/stream/client_internal.h"

/* Enough for some 15 replayed events in one system call: a replayed event takes two slices, its
 * mark and the live bytes from there to the next mark. */
enum { SLICES = 32 };

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

/* ENOBUFS: the kernel is short of memory for sockets, which passes like a full buffer. */
static enum client_state write_failed(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? CLIENT_BLOCKED
                                                                       : CLIENT_GONE;
}

bool client_has_own(const struct client *c)
{
    return c->own_sent < c->own.len;
}

/* Whether the next piece has to stop at the end of the event, because something is to be said
 * there.  In an open record that can only be a heartbeat. */
static bool halts(const struct client *c)
{
    return c->owes_beat || (c->phase != CLIENT_STREAMS && !framing_open(&c->framing));
}

/* The next piece of `own`, or of the batch: how many slices it has, and *content bytes. */
static size_t next_piece(const struct client *c, struct iovec *slice, size_t *content)
{
    size_t limit = framing_open(&c->framing) ? c->framing.record_left : FRAMING_RECORD_MAX;
    if (client_has_own(c)) {
        size_t left = c->own.len - c->own_sent;
        *content = left < limit ? left : limit;
        slice[0] = (struct iovec){c->own.bytes + c->own_sent, *content};
        return 1;
    }
    if (halts(c) && cursor_event_left(&c->cursor) < limit)
        limit = cursor_event_left(&c->cursor);
    return cursor_slices(&c->cursor, slice, SLICES, limit, content);
}

static void own_went_out(struct client *c, size_t bytes)
{
    c->own_sent += bytes;
    if (client_has_own(c))
        return;
    /* An idle stream keeps no buffer: thousands of them are to fit in a few megabytes. */
    buffer_free(&c->own);
    c->own_sent = 0;
}

static void rows_went_out(struct client *c, size_t bytes)
{
    c->answered = true;
    cursor_advance(&c->cursor, bytes);
}

enum client_state client_write(struct client *c)
{
    struct iovec slice[SLICES + 1]; /* the first is the record's header */
    size_t content, count = next_piece(c, slice + 1, &content);
    bool raw = c->phase == CLIENT_SIGNS_OFF;
    if (!framing_open(&c->framing) && !raw)
        framing_record(&c->framing, content);
    ssize_t n = write_some(c, slice, count);
    if (n < 0)
        return write_failed();
    c->written += (size_t)n;
    size_t passed = raw ? (size_t)n : framing_wrote(&c->framing, (size_t)n);
    if (client_has_own(c))
        own_went_out(c, passed);
    else
        rows_went_out(c, passed);
    return CLIENT_TIRED;
}
