/* Answering one request, whatever it is about.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_FCGI_ANSWER_H
#define ROWCAST_FCGI_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/board.h"
#include "fcgi/hub/publisher.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/ticket.h"
#include "store/store.h"

struct answerer {
    struct store *store;
    struct board *board;       /* the settings while the log can not be read */
    struct settings *settings; /* those last read from the log; NULL: none yet; owned */
    char epoch[EPOCH_SIZE];    /* of the log they were read from */
    bool leased;
    struct publisher *publisher; /* NULL: publications are committed by the store */

    /* Whether a stream could be served now; asked before the claim, because a stream that was
     * entered must be served.  NULL: always. */
    bool (*may_stream)(void *arg);

    /* Take over a request for a stream that had better wait (fcgi/hub/aside.h).  False: too
     * many wait, or out of memory; nothing was taken.  NULL: no stream waits. */
    bool (*put_aside)(void *arg, struct request *r);
    void *arg;
};

/* The settings in force, with a reference; looks into the log (5 µs). */
struct settings *answer_settings(struct answerer *a);

enum answer_judgement {
    ANSWER_SAID,      /* it was refused, and told so */
    ANSWER_NOW,       /* it needs no body */
    ANSWER_AFTER_BODY /* read the body first, up to publish_body_max */
};

/* Judge a request by its headers alone: path, method, token, media type, the names of its
 * parameters, Content-Length.  So no stranger makes anybody wait for a body. */
enum answer_judgement answer_judge(struct answerer *a, const struct settings *settings,
                                   struct request *r);

/* Answer a request that was judged, and has its body if it needs one.  NULL: all was said, or
 * it was put aside.  A ticket: a stream, to be given to a hub.  request_end is still to be
 * called. */
struct ticket *answer_whole(struct answerer *a, const struct settings *settings,
                            struct request *r);

/* Both, for a request that is complete; `r` is empty afterwards. */
struct ticket *answer(struct answerer *a, const struct settings *settings, struct request *r);

/* There is no memory for a store, or no descriptor, as `why` says: a stream is told `later`,
 * everybody else 503.  request_end is still to be called. */
void answer_put_off(const struct settings *settings, struct request *r, const char *why);

#endif
