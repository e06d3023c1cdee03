/* One event as the log has it: a plain value, for every part of the program.
 *
 * A *mailbox* names where an event is kept.  It is the channel ("" for everyone), or '@' and the
 * session's id for an event that is for one session.  The schema refuses channels that begin
 * with '@', so the two cannot be mistaken for each other. */
#ifndef ROWCAST_STORE_EVENT_H
#define ROWCAST_STORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/rules.h"

/* The strings belong to the maker of the event and are valid until it makes the next one. */
struct event {
    int64_t id;
    const char *mailbox;
    const char *type; /* as stored: the reader checks it again, since rows come from anyone */
    const char *data; /* any bytes, line feeds and NUL among them */
    size_t data_len;
    const char *key;    /* what the event is the newest state of; NULL: it is news */
    int64_t created_at; /* milliseconds since 1970 */
    int64_t expires_at; /* the same; not delivered from then on; 0: never */
    bool is_object;     /* data is one valid JSON object */
};

#endif
