/* The janitor: one thread that saves what streams leave behind, and tidies.
 *
 *     every 250 ms  streams that ended; streams that somebody wants ended
 *     every 5 s     bookmarks, the latest of each, in one transaction; how far the log was seen
 *     every cleanup_interval   served time, dead responders, expiry
 *     when nobody inserts      retention, a slice each 100 ms
 *
 * Ends are kept until they could be saved: a sessions file that is full or locked delays them,
 * and so does a lack of memory.
 *
 * Thread: any may call these; janitor_stop joins, and saves the last bookmarks first. */
#ifndef ROWCAST_FCGI_JANITOR_H
#define ROWCAST_FCGI_JANITOR_H

#include <stddef.h>

#include "fcgi/board.h"
#include "fcgi/feeder.h"
#include "fcgi/hub.h"

struct janitor;

/* NULL: out of memory or threads. */
struct janitor *janitor_start(const char *db_path, struct board *board, struct hub *hub,
                              struct feeder *feeder);
void janitor_ended(struct janitor *j, struct ending *e);             /* takes e over */
void janitor_marks(struct janitor *j, struct mark *marks, size_t n); /* takes marks over */
void janitor_stop(struct janitor *j);                                /* NULL is fine */

#endif
