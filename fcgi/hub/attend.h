/* Serving one connection, by whichever thread has it: a request worker while the request is
 * coming in at once, the parking (parking.h) when it is not.
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

    /* Called before each claim, by any thread: the hub, running, with its feeder; NULL: not
     * now, the stream is told to come later.  The first call may take its time. */
    struct hub *(*start_streaming)(void *arg);
    /* Take over a request for a stream that had better wait (aside.h), after start_streaming
     * gave a hub.  False: too many wait, or out of memory; nothing was taken.  NULL: no stream
     * waits. */
    bool (*put_aside)(void *arg, struct request *r, struct settings *settings);
    void *arg;
};

struct attendant {
    const struct worker_context *context;
    struct answerer answerer;
};

void attendant_begin(struct attendant *a, const struct worker_context *c);
void attendant_end(struct attendant *a);

/* The store, opened if need be; it touches no file, so an attendant without a request costs
 * next to nothing.  False: out of memory. */
bool attendant_open(struct attendant *a);

/* For an attendant that has nothing to do, about once a second: its connections are closed
 * after some seconds. */
void attendant_idle(struct attendant *a);

/* The process has no descriptor left: give those of the store back at once.  It is opened again
 * with the next request. */
void attendant_release(struct attendant *a);

/* Go on with a connection as far as what is at hand allows.  True: it is done, and `i` is
 * empty.  False: it waits for bytes, until its deadline; or it is held (i->held_at) until the
 * publisher has room for it. */
bool attendant_attend(struct attendant *a, struct intake *i);

/* Answer a complete request, or make it a stream (true), which the hub has or will have; `r` is
 * empty afterwards. */
bool attendant_finish(struct attendant *a, struct settings *settings, struct request *r);

#endif
