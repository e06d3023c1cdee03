/* A position that a stream may begin again from, on its way to the sessions: everything up to
 * it counts as received (fcgi/stream/mark.h).  A plain value; `epoch` is that of the log which
 * the position belongs to. */
#ifndef ROWCAST_STORE_BOOKMARK_H
#define ROWCAST_STORE_BOOKMARK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/event_id.h"

struct bookmark {
    int64_t stream_id; /* its row in `streams` */
    int64_t position;
    char epoch[EPOCH_SIZE];
    bool in_vain; /* an ended stream was the poll of a new client, and delivered nothing */
};

#endif
