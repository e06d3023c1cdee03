/* One connection while its request comes in: first the headers, then the body if one is wanted,
 * then what may still come after an answer.
 *
 *     INTAKE_HEAD --INTAKE_HEADERS--> intake_want --> INTAKE_BODY --INTAKE_WHOLE--> answered
 *                                 \-> intake_rest --> INTAKE_REST --INTAKE_OVER-->  closed
 *
 * Nothing here waits: intake_step reads what is at hand, and the caller decides whether, and
 * for how long, to wait for more.  Each stage has one deadline for all of it, so bytes that
 * trickle in do not prolong it.
 *
 * Between two calls a struct intake may be moved (copied, and the old one forgotten).
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_INTAKE_H
#define ROWCAST_FCGI_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/request/fastcgi.h"
#include "fcgi/request/request.h"

enum intake_stage { INTAKE_HEAD, INTAKE_BODY, INTAKE_REST };

enum intake_news {
    INTAKE_WAITS,   /* nothing more is at hand */
    INTAKE_HEADERS, /* all but the body is here: judge it, then intake_want or intake_rest */
    INTAKE_WHOLE,   /* the request is complete, or body_too_large or body_lost is set */
    INTAKE_OVER     /* no request will come of it: intake_end */
};

/* How long each stage may last, in ms. */
struct intake_patience {
    int head;
    int body;
    int rest;
};
enum { INTAKE_HEAD_MS = 5000, INTAKE_BODY_MS = 30000, INTAKE_REST_MS = 5000 };

struct intake {
    struct request request; /* owns the descriptor */
    struct fastcgi reader;
    struct intake_patience patience;
    enum intake_stage stage;
    bool drops;       /* the body is read to its end, but not kept */
    bool publishes;   /* the body is read only while the publisher has room for it */
    int64_t held_at;  /* ms: since when reading waits for such room; 0: it does not */
    size_t body_max;  /* how many bytes of the body are kept */
    size_t head_size; /* memory that the variables take */
    int64_t until_ms; /* the deadline of the stage */
    size_t at, len;   /* of `bytes`: what was received, but not read yet */
    uint8_t bytes[8192];
};

/* Take over a connection that was just accepted.  It gets TCP_NODELAY (a heartbeat must not
 * wait for the acknowledgement of the event before it) and no timeout for reading, and is
 * otherwise left as it is.  `patience` NULL: the constants above. */
void intake_begin(struct intake *i, int fd, const struct intake_patience *patience,
                  int64_t now_ms);

/* Read what is at hand. */
enum intake_news intake_step(struct intake *i);

/* After INTAKE_HEADERS: read the body, and keep up to `body_max` bytes of it.  0: read all of
 * it, and keep nothing. */
void intake_want(struct intake *i, size_t body_max, int64_t now_ms);

/* The request was answered: read and drop what still comes of it, so that the connection can be
 * closed without a reset. */
void intake_rest(struct intake *i, int64_t now_ms);

/* Stop reading, and go on again.  The time between does not count for the deadline. */
void intake_hold(struct intake *i, int64_t now_ms);
void intake_release(struct intake *i, int64_t now_ms);

/* Whether the deadline of the stage has passed. */
bool intake_is_late(const struct intake *i, int64_t now_ms);

/* How many bytes of memory it holds besides itself. */
size_t intake_size(const struct intake *i);

/* Answer a request that does not come, or for which nobody waits any longer.  True: the answer
 * was sent.  False: it was sent before, or the headers are not known; then only a request that
 * looks like a stream's is told something, which is `later`. */
bool intake_refuse(struct intake *i, int status, const char *sentence);
void intake_end(struct intake *i); /* frees all, closes */

#endif
