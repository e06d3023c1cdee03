/* Answering one request, whatever its path.  What needs another thread is not done here but
 * given back as an outcome, so a request only ever goes on, towards the hub.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_FCGI_ANSWER_H
#define ROWCAST_FCGI_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/board.h"
#include "fcgi/request/publishing.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/ticket.h"
#include "store/store.h"

struct answerer {
    struct store *store;
    struct board *board;       /* the settings while the log cannot be read */
    struct settings *settings; /* those last read from the log; NULL: none yet; owned */
    /* Takes what a socket does not take at once of a large answer; NULL: the answer may block. */
    struct unsent *unsent;
};

/* The settings in force, with a reference for the caller; looks into the event log (5 µs). */
struct settings *answer_settings(struct answerer *a);

enum answer_judgement {
    ANSWER_SAID,      /* it was refused, and the refusal was sent */
    ANSWER_NOW,       /* it needs no body */
    ANSWER_AFTER_BODY /* read the body first, up to publish_body_max */
};

/* Judge a request by its headers alone: path, method, token, media type, the names of its
 * parameters, Content-Length.  So nobody waits for the body of a stranger. */
enum answer_judgement answer_judge(struct answerer *a, const struct settings *settings,
                                   struct request *r);

/* Whether the answer may be a stream.  Then a hub has to run first, because a stream that was
 * entered must be served.  HEAD needs none, nor does a stream that can only be told `later`, or
 * a poll that is answered with history.  Costs a system call (0.1 µs) for a stream. */
bool answer_wants_hub(const struct request *r, const struct settings *settings);

enum answer_room {
    ANSWER_NO_ROOM,  /* none was wanted, or no hub has any: a stream is told to come later */
    ANSWER_MAY_WAIT, /* there is room, and the claim can be put aside if it had better wait */
    ANSWER_AT_ONCE   /* there is room, and the stream has to be claimed now */
};

/* What is left to be done for a request; all empty: it was answered. */
struct outcome {
    struct ticket *ticket; /* a stream, for the hub */
    /* For the publisher, or for publishing_commit; it took over the request. */
    struct publishing *publishing;
    bool waits; /* a stream that had better wait; the request is unchanged */
};

/* Answer a request that was judged, and has its body if it needs one.  The caller calls
 * request_end afterwards. */
struct outcome answer(struct answerer *a, const struct settings *settings, struct request *r,
                      enum answer_room room);

/* Answer a request for which there is no store or no descriptor, as `why` says: a stream is
 * told `later`, any other request gets 503.  The caller calls request_end afterwards. */
void answer_put_off(const struct settings *settings, struct request *r, const char *why);

#endif
