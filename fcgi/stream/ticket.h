/* A stream on its way from the request worker that claimed it to the hub that will serve it:
 * the socket, how its bytes are framed, what has to be said first, and where its cursor stands.
 *
 * Made by a worker, owned by the hub once posted. */
#ifndef ROWCAST_FCGI_TICKET_H
#define ROWCAST_FCGI_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/buffer.h"
#include "fcgi/stream/framing.h"
#include "fcgi/base/inbox.h"
#include "store/bookmark.h"
#include "store/event_id.h"
#include "store/subscription.h"

/* A stream's last bookmark, on its way to whoever saves it.  It is made with the ticket, so
 * that the end of a stream needs no memory and is never lost. */
struct ending {
    struct message message;
    struct bookmark bookmark;
};

struct ticket {
    struct message message; /* kind HUB_STREAM, filled by hub_serve */
    int fd;                 /* the hub closes it */
    enum framing_kind framing;
    uint16_t request_id;
    struct buffer prologue; /* HTTP headers, opening block, connected, gap, replay-start */
    struct subscription *subscription;
    char epoch[EPOCH_SIZE];
    int64_t stream_id;     /* 0: not saved */
    struct ending *ending; /* NULL: not saved */
    int64_t bookmark;
    int64_t cursor;
    int64_t until;
    int64_t private_to;
    int64_t last_sent; /* the id that stands last in the prologue; -1: none */
    bool replaying;    /* replay-start is in the prologue */
    bool ids;          /* enable_reconnection was 1 at the claim */
    int64_t retry;     /* the setting at the claim: the hub may not have read it yet */
    int32_t wait_ms;   /* a poll: how long it may wait for something to tell; -1: a stream */
    bool answered;     /* a poll that has something to tell already: a gap, a replay */
    bool lingers;      /* a poll of a client that brings no id: only its mark can carry it on */
    uint16_t heartbeat; /* seconds between heartbeats that it asked for; 0: none */
};

void ticket_free(struct ticket *t); /* closes fd too; NULL is fine */

#endif
