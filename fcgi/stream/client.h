/* One stream as the hub sees it: a socket, the framing on it, a cursor, and the block of our
 * own that goes out next.
 *
 *     own     prologue, gap, replay-end, heartbeat, retry: only between two events
 *     cursor  slices of a batch, straight from its bytes
 *
 * client_pump writes until the socket is full, the batch is used up, or a turn is over.  A
 * record that was begun is always completed: a client that is told to end, or to begin again in
 * another log, does so at the first end of an event that is also the end of a record.  Only a
 * heartbeat does not wait for that.  It goes out at the next end of an event, as content of the
 * open record, because a slow client may need longer for a record than its watchdog waits.
 *
 * A client knows no event loop: it returns what the loop has to do.  Thread: the hub's. */
#ifndef ROWCAST_FCGI_CLIENT_H
#define ROWCAST_FCGI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/buffer.h"
#include "fcgi/stream/cursor.h"
#include "fcgi/stream/framing.h"
#include "fcgi/stream/ticket.h"

/* What a client is about.  The table of moves is data in client.c, and asserted there.
 *
 *     from       to, and why
 *     STREAMS    MOVES: the log is another one.  ENDS: it is told to end
 *     MOVES      STREAMS: the event is out, it begins in the other log.  MOVES: yet another log
 *                ENDS: it is told to end, and never hears of the other log
 *     ENDS       SIGNS_OFF: the event and `later` are out
 *     SIGNS_OFF  nothing follows */
enum client_phase {
    CLIENT_STREAMS,
    CLIENT_MOVES,
    CLIENT_ENDS,
    CLIENT_SIGNS_OFF /* `own` is no longer content, but the end of the request itself */
};

struct client {
    int fd;
    enum client_phase phase; /* written by client_turn alone */
    bool is_socket;          /* else a pipe or a file: plain CGI */
    bool ids;                /* blocks carry positions */
    bool answered;           /* it was told something: rows, or a gap */
    bool owes_beat;          /* a heartbeat, at the end of the event */
    uint16_t heartbeat;      /* seconds between heartbeats that it asked for; 0: none */
    char epoch[EPOCH_SIZE];
    char move_epoch[EPOCH_SIZE]; /* while it MOVES: the other log */
    int64_t move_to;             /* and the position there */
    struct framing framing;
    int32_t later_ms; /* while it ENDS: the wait that it has to be told; 0: it was told */
    uint64_t written; /* bytes that went out so far */
    struct cursor cursor;
    struct buffer own;
    size_t own_sent;
};

enum client_state {
    CLIENT_IDLE,    /* everything it has was sent: it needs a batch */
    CLIENT_BLOCKED, /* the socket is full: go on when it is writable */
    CLIENT_TIRED,   /* its turn is over, and it could go on */
    CLIENT_ENDED,   /* the request is ended: close it */
    CLIENT_GONE     /* the peer left: close it */
};

/* Begin with what the ticket says; takes over its prologue, cursor and descriptor. */
void client_begin(struct client *c, struct ticket *t);
void client_free(struct client *c); /* closes the descriptor */

enum client_state client_pump(struct client *c);

/* Say that the peer's request is over, unless a record is open; errors do not matter. */
void client_say_end(struct client *c);

/* End the client at the end of the event, and tell the peer to come back after `later_ms`.
 * Only the first call counts. */
void client_end(struct client *c, int64_t later_ms);
bool client_ends(const struct client *c); /* it was told to */

/* The same for a poll, which also tells its position in a heartbeat if that moved since the
 * last id.  Otherwise each further poll would pass over the same rows for others again.  Only
 * when CLIENT_IDLE. */
void client_end_poll(struct client *c, int64_t later_ms);

/* Move the client to another log: at the end of the event it says a gap of reason `epoch` and
 * goes on at `end`.  A client that ends is not told. */
void client_move(struct client *c, const char *epoch, int64_t end);

/* A heartbeat is due: client_pump writes it at the end of the event, with the position if that
 * moved since the last id.  Several that fall due before then are one. */
void client_heartbeat(struct client *c);

/* The position up to which everything was written. */
int64_t client_position(const struct client *c);

/* Change `phase`, which nothing else writes.  A change that is not in the table above fails an
 * assertion.  For client.c, and for the test of the table. */
void client_turn(struct client *c, enum client_phase to);

#endif
