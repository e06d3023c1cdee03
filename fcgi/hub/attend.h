/* Serving one connection: by a request worker if the request comes in at once, by the parking
 * (parking.h) if it does not.
 *
 * A struct attendant has a store of its own.  Thread: its owner's. */
#ifndef ROWCAST_FCGI_ATTEND_H
#define ROWCAST_FCGI_ATTEND_H

#include <stdbool.h>

#include "fcgi/request/answer.h"
#include "fcgi/base/board.h"
#include "fcgi/hub/hub.h"
#include "fcgi/request/intake.h"
#include "fcgi/hub/publisher.h"

struct worker_context {
    const char *db_path;
    struct board *board;
    struct publisher *publisher; /* NULL: workers commit what is published; so does plain CGI */
    int listener;                /* a listening socket, blocking or not */
    int stop_fd;                 /* readable: accept nobody any more; never read from here */
    const struct intake_patience *patience; /* NULL: as intake.h has it */

    /* Called before each claim, by any thread.  Returns the hub, running, with its feeder;
     * NULL: not now, and the stream is told to come later.  The first call starts threads. */
    struct hub *(*start_streaming)(void *arg);
    /* Take over a request for a stream that had better wait (aside.h), after start_streaming
     * gave a hub.  False: too many wait already, or out of memory; nothing was taken.  NULL: no
     * stream ever waits. */
    bool (*put_aside)(void *arg, struct request *r, struct settings *settings);
    void *arg;
};

struct attendant {
    const struct worker_context *context;
    struct answerer answerer;
};

void attendant_begin(struct attendant *a, const struct worker_context *c);
void attendant_end(struct attendant *a);

/* Make the store, if there is none yet.  That opens no file, so an attendant without a request
 * costs next to nothing.  False: out of memory. */
bool attendant_open(struct attendant *a);

/* To be called about once a second while there is nothing to do: closes the store's connections
 * after some seconds. */
void attendant_idle(struct attendant *a);

/* The process has no descriptor left: give those of the store back at once.  The store is made
 * again for the next request. */
void attendant_release(struct attendant *a);

/* Go on with a connection as far as the bytes at hand allow.  True: it is done, and `i` is
 * empty.  False: it waits for bytes until its deadline, or it is held (i->held_at) until the
 * publisher has room for it. */
bool attendant_attend(struct attendant *a, struct intake *i);

/* Answer a complete request; `r` is empty afterwards.  True: it is a stream, which the hub has
 * or will have. */
bool attendant_finish(struct attendant *a, struct settings *settings, struct request *r);

#endif
