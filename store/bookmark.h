/* A position that a stream may begin again from: what of it counts as received
 * (fcgi/stream/mark.h), on its way to the sessions.  A plain value; `epoch` is the log's that
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
    bool in_vain; /* of an ended stream: a poll of somebody new that told nothing */
};

#endif
