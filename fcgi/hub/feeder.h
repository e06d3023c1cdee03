/* The feeder: one thread that follows the end of the log and feeds the hub.
 *
 *     wait for a row -> read what follows, formatted -> hub_feed -> until it was fanned out …
 *
 * One batch is under way at a time, so that what is inserted while the hub writes becomes one
 * larger batch: under load the rows of one system call grow, not the queue.  It also sees that
 * the settings changed, that the log is another file or another epoch, and when the -wal has
 * grown so large that the readers have to pause for a checkpoint.  A log that can not be read
 * is tried again each second; the streams go on with what they have.
 *
 * Thread: any may call these; feeder_stop joins. */
#ifndef ROWCAST_FCGI_FEEDER_H
#define ROWCAST_FCGI_FEEDER_H

#include "fcgi/base/board.h"
#include "fcgi/hub/hub.h"
#include "fcgi/hub/readers.h"

struct feeder;

/* NULL: out of memory or threads.  Hub, board and readers must outlive it. */
struct feeder *feeder_start(const char *db_path, struct board *board, struct hub *hub,
                            struct readers *readers);
void feeder_fanned_out(struct feeder *f); /* the hub: the last batch is on its way */
void feeder_stop(struct feeder *f);       /* NULL is fine */

#endif
