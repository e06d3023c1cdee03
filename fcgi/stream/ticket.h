/* A stream on its way from the thread that claimed it to the hub that will serve it: the
 * socket, how its bytes are framed, what has to be said first, and where its cursor stands.
 *
 * The thread that claims makes it; the hub owns it once it was posted. */
#ifndef ROWCAST_FCGI_TICKET_H
#define ROWCAST_FCGI_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/buffer.h"
#include "fcgi/base/inbox.h"
#include "fcgi/stream/cursor.h"
#include "fcgi/stream/framing.h"
#include "store/bookmark.h"
#include "store/event_id.h"

/* A stream's last bookmark, on its way to the janitor.  It is allocated with the ticket, so
 * ending a stream never allocates, and its bookmark is never lost.  While the stream runs,
 * `bookmark` is the one that was saved last: at first the one that the claim saved. */
struct ending {
    struct message message;
    struct bookmark bookmark;
};

struct ticket {
    struct message message; /* kind HUB_STREAM, filled by hub_serve */
    int fd;                 /* the hub closes it */
    struct framing framing;
    struct cursor cursor;   /* owns its subscription, and has no batch yet */
    struct buffer prologue; /* HTTP headers, opening block, connected, gap, replay-start */
    struct ending *ending;  /* NULL: the stream is not saved */
    char epoch[EPOCH_SIZE];
    bool ids;      /* enable_reconnection was 1 at the claim */
    bool answered; /* of a poll: it has something to tell already, a gap or a replay */
    bool lingers;  /* of a poll: its client brings no id, so only its mark can carry it on */
    uint16_t heartbeat; /* seconds between heartbeats that the client asked for; 0: none */
    int32_t wait_ms;    /* how long a poll may wait for something to tell; -1: no poll */
    int64_t retry;      /* the setting at the claim: the hub may not have read it yet */
};

void ticket_free(struct ticket *t); /* closes fd too; NULL is fine */

#endif
