/* What the files of the hub share.
 *
 *     hub.c          the loop: its start, its bell, its stop
 *     hub_post.c     the calls of other threads: messages and flags
 *     hub_order.c    carries out the orders among those messages
 *     hub_begin.c    a ticket becomes a stream, or is refused
 *     hub_state.c    the states of a stream, and which may follow which
 *     hub_stream.c   one stream in the loop: what it writes, what it does next, its end
 *     hub_watch.c    its socket in the loop: writable, or left by its peer
 *     hub_batches.c  where batches come from: the tail, or another log
 *     hub_question.c what is asked of the readers, and by whom
 *     hub_clock.c    what time brings: heartbeats, marks, deadlines, memory, events that expire
 *
 * Thread: the hub's, except for what hub.h says. */
#ifndef ROWCAST_FCGI_HUB_INTERNAL_H
#define ROWCAST_FCGI_HUB_INTERNAL_H

#include <stdatomic.h>
#define HASH_NONFATAL_OOM 1 /* out of memory leaves hh.tbl NULL, and does not end the process */
#include <uthash.h>
#include <uv.h>

#include "fcgi/stream/client.h"
#include "fcgi/hub/hub.h"
#include "fcgi/base/inbox.h"
#include "fcgi/stream/mark.h"
#include "fcgi/stream/tail.h"

/* Seats beyond streams_max: several threads may each find that there is room for one more
 * stream, and then each bring one. */
enum { STREAMS_MORE = 16 };

/* What a stream does.  The table is data in hub_state.c, and asserted there.
 *
 *     from      to, and why
 *     NEW       WRITES: it begins
 *     WRITES    (which no stream does outside stream_pump)
 *               WAITS: it is at the end of the log, or beyond what the hub has of it.
 *               STRAYS: the hub follows another log, or none yet.
 *               ASKS: it is behind the tail, or a heartbeat went out while it asked.
 *               PUTS_OFF: there was no memory to ask.
 *               BLOCKED: its socket is full, or its turn is over
 *     WAITS     WRITES: a batch, a heartbeat, its end, another log
 *     STRAYS    WRITES: the hub reached its log; 3 s passed, and it is told a gap of reason
 *               `epoch`; a heartbeat, its end, another log
 *     ASKS      WRITES: rows came, a heartbeat, its end, another log.
 *               PUTS_OFF: the reader has nothing yet
 *     PUTS_OFF  WRITES: the next tick, a heartbeat, its end, another log
 *     BLOCKED   WRITES: the socket takes more.  An answer or an order that comes meanwhile waits
 *               for that
 *     any       CLOSED: the peer left, it ended, it stalled too long, or a deadline cut it
 *
 * A question under way (`pending`) exists in ASKS, WRITES and BLOCKED only. */
enum stream_state {
    STREAM_NEW,
    STREAM_WRITES,
    STREAM_WAITS,
    STREAM_STRAYS,
    STREAM_ASKS,
    STREAM_PUTS_OFF,
    STREAM_BLOCKED,
    STREAM_CLOSED
};

struct stream {
    struct client client;
    struct hub *hub;
    struct ending *ending; /* with the bookmark that the janitor was given last; NULL: the
                            * stream is not saved */
    uv_poll_t watch;
    bool watched;   /* false: a file, which cannot be polled and never blocks */
    bool lingers;   /* a poll that has to stay until its mark has passed what it told */
    bool lingering; /* it told something, and stays for that reason */
    enum stream_state state;
    uint32_t seat;              /* where it stands in hub->stream */
    uint32_t number;            /* a serial number, which spreads heartbeats and rotation */
    int32_t claim_retry;        /* the setting `retry` at its claim */
    uint64_t began_at;          /* ms of the loop's clock, as all that follow */
    uint64_t over_at;           /* when a poll has waited, or lingered, enough; 0: no poll */
    uint64_t beat_at;           /* when it had its last heartbeat, or began */
    uint64_t strays_since;      /* since when it STRAYS, heartbeats aside; 0: it does not */
    struct mark mark;           /* what counts as received */
    struct stream *prev, *next; /* among the blocked */
    struct pending *pending;    /* the question under way; NULL: none */
    struct stream *asking_prev, *asking_next; /* among those that wait for its answer */
};

enum hub_message {
    HUB_STREAM, /* a struct ticket */
    HUB_ANSWER, /* a struct question that comes back */
    HUB_FEED,   /* this and all below: a struct order */
    HUB_RESET,
    HUB_SETTINGS,
    HUB_COLLECT,
    HUB_END_STREAMS,
    HUB_PROBE
};

struct order {
    struct message message;
    struct batch *batch;
    struct settings *settings;
    int64_t end;
    char epoch[EPOCH_SIZE];
    bool all;       /* HUB_COLLECT */
    uint64_t until; /* HUB_END_STREAMS: how long it is kept for streams that still come */
    size_t streams;
    int64_t stream_id[];
};

/* A question that was asked, and the streams that wait for the answer. */
struct pending {
    uint64_t key;                    /* equal questions have equal keys, not the reverse */
    const struct question *question; /* borrowed until it comes back */
    struct stream *waiters;
    UT_hash_handle hh;
};

struct hub {
    struct hub_friends friends;
    int64_t (*wall_ms)(void); /* the clock by which events expire; tests set another */
    uv_loop_t loop;
    uv_async_t bell;
    uv_timer_t tick;
    struct inbox inbox;
    struct settings *settings;
    struct tail *tail; /* NULL: the feeder has not told of a log yet */
    struct stream **stream;
    uint32_t streams_max;
    uint32_t seats;         /* how many of `stream` are taken: the first ones */
    uint32_t numbers;       /* the next serial number */
    atomic_uint taken;      /* like `seats`, for other threads, with the tickets on their way */
    struct stream *blocked; /* longest first */
    struct pending *pending; /* hashed by key */
    struct mark_log log;     /* where the streams at the end stood at which time */
    bool collect_all;     /* the next collection has all marks, because some were not saved */
    struct order *early;  /* orders kept for streams that still come, oldest first */
    uint64_t alive_at;    /* the loop's clock when it last turned */
    uint64_t stood_still; /* for how many ms of that clock it did not turn */
    uint64_t marked_at;   /* on clock_now: when marks were moved last */
    uint64_t rotated_at;  /* when streams that were too old were ended last */
    char owed_epoch[EPOCH_SIZE]; /* a reset that found no memory, for the next tick; "": none */
    int64_t owed_end;
    _Atomic uint64_t drained_by, cut_at; /* as other threads asked for, on the loop's clock */
    atomic_bool stop;
    bool draining;
    uint64_t drained_at; /* when a share of the streams was ended last */
    bool stopping;
};

/* No drain was asked for. */
#define DRAIN_NEVER UINT64_MAX

/* hub_post.c */
void hub_ring(void *hub);        /* wake the loop.  Thread: any */
void stream_left(struct hub *h); /* one that hub_expect counted is gone.  Thread: any */

/* hub_order.c */
void order_carry_out(struct hub *h, struct order *o); /* takes o over */
void order_free(struct order *o);
bool order_names(const struct hub *h, int64_t stream_id); /* it was ended before it came */
void order_forget(struct hub *h, uint64_t until);         /* free orders kept up to `until` */

/* hub_begin.c */
void stream_begin(struct hub *h, struct ticket *t); /* takes t over; may close it at once */
int64_t stream_retry(const struct hub *h, int64_t at_claim); /* the setting as it is now */

/* hub_state.c: the only writer of `state`; a move that is not in the table fails an assertion.
 * It also keeps the list of blocked streams.  One that blocks again goes to the end of the
 * list: it was not stuck. */
void stream_move(struct stream *s, enum stream_state to);

/* hub_stream.c */
void stream_pump(struct stream *s);    /* let it write what it has; may close it */
void stream_end(struct stream *s);     /* at the end of its event, with a jittered retry */
bool stream_is_over(struct stream *s); /* a poll that has waited, or told, enough */
void stream_close(struct stream *s);
void stream_close_at(struct stream *s, int64_t received); /* `received`: its last bookmark */

/* hub_watch.c */
bool watch_begin(struct stream *s, int fd);      /* false: the kernel or memory has none left */
void watch_for(struct stream *s, bool writable); /* also for a departure, always */
void watch_end(struct stream *s); /* the loop frees the stream, if it was watched */

/* hub_batches.c */
/* What a stream that has sent all it had does next.  WRITES: it was given a batch. */
enum stream_state batches_next(struct stream *s);
void batches_feed(struct hub *h, struct batch *b);
void batches_reset(struct hub *h, const char *epoch, int64_t end);
void batches_settle(struct hub *h); /* try a reset again that is owed */
void batches_move(struct stream *s, const char *epoch, int64_t end); /* may close it */
void batches_limit_tail(struct hub *h); /* after streams or settings changed */
void batches_free(struct hub *h);

/* hub_question.c */
bool question_ask(struct stream *s);    /* false: out of memory, ask again later */
void question_forget(struct stream *s); /* it no longer waits for an answer */
void question_answered(struct hub *h, struct question *q); /* takes q over */
void question_free_pending(struct hub *h);

/* hub_clock.c */
uint64_t clock_now(struct hub *h); /* ms for marks, less the time that the loop stood still */
void clock_start(struct hub *h);   /* also again, after the settings changed */
void clock_shed(struct hub *h);    /* close the longest stalled while batches take too much */
void clock_beat(struct stream *s); /* send a heartbeat now; may close it */
void clock_collect(struct hub *h); /* give the marks that moved, or all by h->collect_all */
void clock_drain(struct hub *h);   /* after a drain was asked for: end those whose turn it is */

#endif
