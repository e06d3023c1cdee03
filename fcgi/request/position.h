/* The position that a request gives.  Clients and proxies send the header Last-Event-ID twice
 * (joined by a comma), in quotes, or as `null`, `undefined` or nothing when they have none;
 * other clients put it into the address under a name of their own.
 *
 * Thread: any; plain values. */
#ifndef ROWCAST_FCGI_POSITION_H
#define ROWCAST_FCGI_POSITION_H

#include <stdbool.h>
#include <stddef.h>

#include "store/event_id.h"

struct position {
    enum { POSITION_NONE, POSITION_UNUSABLE, POSITION_EARLIEST, POSITION_ID } kind;
    char text[EVENT_ID_SIZE]; /* POSITION_ID: as event_id_format writes it */
};

/* Read one value, which may hold several positions.  Those that mean none are ignored, and one
 * that cannot be used does not hide one that can.  Of several ids of one log the smallest is
 * taken, since beginning too early loses nothing; of ids of two logs, the last. */
struct position position_read(const char *value);

/* Whether a parameter of this name is a position: lastEventId, last_event_id, lastEventID,
 * Last-Event-ID, evs_last_event_id and the like. */
bool position_is_name(const char *name);

/* Whether the value is `null`, `undefined` or the like, which clients send for none. */
bool position_means_none(const char *value, size_t len);

#endif
