/* The client side: many streams over one epoll, each a connection to the web server (HTTP/1.1)
 * or to the responder itself (FastCGI records).
 *
 *     socket -> wire (chunks or records taken off) -> head (status) -> events
 *
 * All streams ask the same, so that the request is made once; but with --hup each comes back as
 * a browser does, after its `retry`, with its last event id.  One thread; nothing blocks. */
#ifndef ROWCAST_BENCH_STREAM_H
#define ROWCAST_BENCH_STREAM_H

#include <stdbool.h>

#include "tests/bench/events.h"
#include "tests/bench/options.h"

struct stream;

enum { RETURN_SECONDS = 120 };

struct streams {
    const struct options *options;
    struct stream *all;
    long count, started, open;
    long refused; /* connections that failed, or answers that are not a 200 event stream */
    long ended;   /* ended by the other side */
    struct stream **again; /* those that were told to come later */
    long again_count;
    int64_t hup_at;                   /* clock_ns of the signal */
    long returned;                    /* streams that were ended since, and are back */
    long returns;                     /* how often they did; more where some were ended twice */
    long away_ms;                     /* of all returns together */
    long returned_in[RETURN_SECONDS]; /* in each second since the signal */
    char id[ID_SIZE];                 /* one of this log, with --hup */
    int epoll;
    char request[2048];
    size_t request_size;
    struct tally tally;
    char *bytes; /* where everything is received */
};

/* `resume`: the Last-Event-ID all streams present, or NULL.  False: printed why. */
bool streams_open(struct streams *s, const struct options *o, long count, const char *resume);
void streams_close(struct streams *s);

/* Start streams, as long as there are any left and fewer than `burst` are under way, and read
 * what came in; wait `timeout_ms` for the first of it. */
void streams_step(struct streams *s, int timeout_ms);

/* Where the first stream puts the id of `connected` (ID_SIZE bytes). */
void streams_want_id(struct streams *s, char *id);

#endif
