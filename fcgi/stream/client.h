/* One stream as the hub sees it: a socket, the framing on it, a cursor, and the block of our
 * own that goes out next.
 *
 *     own     prologue, gap, replay-end, heartbeat, retry: only between two events
 *     cursor  slices of a batch, straight from its bytes
 *
 * client_pump writes until the socket is full, the batch is used up or a turn is over.  A
 * record that was begun is always completed: a client that is told to end, or to begin again
 * elsewhere, does so at the first end of an event that is the end of a record, too.  Only a
 * heartbeat does not wait for that.  It goes out at the next end of an event, as content of the
 * record that is open, because a record may take a slow client longer than its patience.
 *
 * Knows no event loop: what it returns is what the loop has to do.  Thread: the hub's. */
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
    CLIENT_SIGNS_OFF /* `own` is not content any more but the end of the request itself */
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
    char move_epoch[EPOCH_SIZE]; /* of one that MOVES: where to */
    int64_t move_to;
    struct framing framing;
    int32_t later_ms; /* of one that ENDS: the wait it is to be told; 0: it was told */
    uint64_t written; /* bytes that went out so far */
    struct cursor cursor;
    struct buffer own;
    size_t own_sent;
};

enum client_state {
    CLIENT_IDLE,    /* everything it has was sent: it needs a batch */
    CLIENT_BLOCKED, /* the socket is full: go on when it is writable */
    CLIENT_TIRED,   /* it had its turn, and could go on */
    CLIENT_ENDED,   /* the request is ended: close it */
    CLIENT_GONE     /* the peer left: close it */
};

/* Begin with what the ticket says; takes over its prologue, cursor and descriptor. */
void client_begin(struct client *c, struct ticket *t);
void client_free(struct client *c); /* closes the descriptor */

enum client_state client_pump(struct client *c);

/* Say that the peer's request is over, if nothing is under way; errors do not matter. */
void client_say_end(struct client *c);

/* End at the end of the event, telling the peer to come back after `later_ms`.  The first time
 * counts. */
void client_end(struct client *c, int64_t later_ms);
bool client_ends(const struct client *c); /* it was told to */

/* The same for a poll, which also tells its position in a heartbeat if that moved since the
 * last id: else rows for others would have to be passed over again and again.  Only when
 * CLIENT_IDLE. */
void client_end_poll(struct client *c, int64_t later_ms);

/* The log is another one: at the end of the event, a gap of reason `epoch` at `end`.  A client
 * that ends is not told. */
void client_move(struct client *c, const char *epoch, int64_t end);

/* A heartbeat is due: client_pump writes it at the end of the event, with the position if that
 * moved since the last id.  However often it falls due until then, it is one. */
void client_heartbeat(struct client *c);

/* Everything up to here was written. */
int64_t client_position(const struct client *c);

/* The only writer of `phase`: a move that is not in the table above aborts.  For client.c, and
 * for the test of the table. */
void client_turn(struct client *c, enum client_phase to);

#endif
