/* The feeder: one thread that follows the end of the log and feeds the hub.
 *
 *     wait for a row -> read what follows, formatted -> hub_feed -> until it was fanned out …
 *
 * One batch is under way at a time, so that what is inserted while the hub writes becomes one
 * larger batch: under load the rows of one system call grow, not the queue.  It also sees
 * that the settings changed and that the log has another epoch, and lets the store do its
 * upkeep.  A log that cannot be read is tried again each second; the streams go on with what
 * they have.
 *
 * Thread: any may call these; feeder_stop joins. */
#ifndef ROWCAST_FCGI_FEEDER_H
#define ROWCAST_FCGI_FEEDER_H

#include "fcgi/base/board.h"
#include "fcgi/hub/hub.h"

struct feeder;

/* NULL: out of memory or threads.  Hub and board must outlive it. */
struct feeder *feeder_start(const char *db_path, struct board *board, struct hub *hub);
void feeder_fanned_out(struct feeder *f); /* the hub: the last batch is on its way */
void feeder_stop(struct feeder *f);       /* NULL is fine */

#endif
