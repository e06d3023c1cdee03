/* A stream on its way from the thread that claimed it to the hub that will serve it: the socket,
 * how its bytes are framed, what has to be said first, and where its cursor stands.
 *
 * Made by whoever claims, owned by the hub once posted. */
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

/* A stream's last bookmark, on its way to whoever saves it.  It is made with the ticket, so
 * that the end of a stream needs no memory and is never lost.  Until then its bookmark is the
 * one that was saved last: at first the one that the claim saved. */
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
    bool answered; /* a poll that has something to tell already: a gap, a replay */
    bool lingers;  /* a poll of a client that brings no id: only its mark can carry it on */
    uint16_t heartbeat; /* seconds between heartbeats that it asked for; 0: none */
    int32_t wait_ms;    /* a poll: how long it may wait for something to tell; -1: a stream */
    int64_t retry;      /* the setting at the claim: the hub may not have read it yet */
};

void ticket_free(struct ticket *t); /* closes fd too; NULL is fine */

#endif
