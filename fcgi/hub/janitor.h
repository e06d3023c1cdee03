/* The janitor: one thread that saves what streams leave behind, and tidies.
 *
 *     at once       claims that wait for the end of an earlier stream (aside.h)
 *     every 250 ms  streams that ended; streams that somebody wants ended
 *     every 5 s     bookmarks, the latest of each, in one transaction; how far the log was seen
 *     when the store wants it  expiry and retention, a piece each (store_tend)
 *
 * Nothing that streams leave behind is forgotten before it was saved.  If the sessions are full
 * or locked, or memory is short, that only takes longer.  Ends are kept here.  The hub keeps
 * the bookmarks of streams that run, and gives those of all streams again if some were not
 * saved.
 *
 * Served time is the time during which the janitor makes its rounds.  A process that was
 * stopped for an hour, or could not run, has not served that hour, so no session expires by it.
 *
 * Thread: any may call these; janitor_stop joins, and saves the last bookmarks first. */
#ifndef ROWCAST_FCGI_JANITOR_H
#define ROWCAST_FCGI_JANITOR_H

#include <stddef.h>

#include "fcgi/hub/aside.h"
#include "fcgi/base/board.h"
#include "fcgi/hub/hub.h"

struct janitor;

/* NULL: out of memory or threads. */
struct janitor *janitor_start(const char *db_path, struct board *board, struct hub *hub);
void janitor_ended(struct janitor *j, struct ending *e);    /* takes e over */
void janitor_marks(struct janitor *j, struct bookmarks *b); /* takes b over */
bool janitor_has_room(struct janitor *j);                   /* for one more claim */
void janitor_claim(struct janitor *j, struct aside *a);     /* takes a over */
void janitor_stop(struct janitor *j);                       /* NULL is fine */

#endif
