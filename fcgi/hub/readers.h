/* The readers: threads that answer the hub's questions from the store, for streams that are
 * behind the tail.  Each has a store connection of its own, closed after some idle seconds.
 *
 * While batches take more than `memory_bytes`, and while the log cannot be read, they answer
 * "nothing yet", and the hub asks again at its next tick.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_READERS_H
#define ROWCAST_FCGI_READERS_H

#include "fcgi/base/board.h"
#include "fcgi/hub/hub.h"

struct readers;

enum { READERS = 2 };

/* NULL: out of memory.  When a question finds all threads at work, another one starts, up to
 * READERS. */
struct readers *readers_new(const char *db_path, struct board *board);
void readers_serve(struct readers *r, struct hub *hub);  /* before the first question */
void readers_ask(struct readers *r, struct question *q); /* q goes back by hub_answer */

void readers_free(struct readers *r); /* joins; questions that wait are dropped; NULL is fine */

#endif
