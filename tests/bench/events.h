/* One stream's events as they come in, read and checked.
 *
 * The generator shares the machine with what it measures, so reading has to be cheap: lines are
 * found with memchr and looked at where they lie; only a line that is cut by the end of a
 * buffer is copied, and of that only the beginning, where the number stands.
 *
 * A row of ours is of type `update`, its data begins with {"seq":N; the rows a stream gets must
 * be 0, 1, 2, … and their ids must grow. */
#ifndef ROWCAST_BENCH_EVENTS_H
#define ROWCAST_BENCH_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_KEPT = 72, ID_SIZE = 40 };

/* What all streams together received, and what was wrong with it. */
struct tally {
    struct receipt *receipt; /* room for `room` of them; NULL: only count */
    size_t room, received;
    int64_t started;  /* clock_ns from which receipts are counted */
    int64_t now;      /* clock_ns when the bytes being read came in */
    long connected;   /* streams that were told so */
    long complete;    /* streams that have all rows expected of them */
    int64_t expected; /* rows a stream */
    long repeated, lost, disordered, foreign;
    long gaps, later, heartbeats;
    int64_t announced; /* sum of the counts of replay-start */
};

/* When row `seq` came in, µs after tally.started. */
struct receipt {
    uint32_t seq, us;
};

enum event_kind { EVENT_MESSAGE, EVENT_ROW, EVENT_CONNECTED, EVENT_REPLAY_START, EVENT_OTHER };

struct events {
    char line[LINE_KEPT]; /* the beginning of a line that is not complete yet */
    uint8_t kept;
    bool cut;   /* a line is incomplete, also if nothing of it was kept */
    bool open;  /* between the first line of a block and its blank line */
    bool later; /* it was told to come later */
    uint8_t kind;
    int64_t seq; /* of the block being read; -1: none seen */
    int64_t id;  /* of the block being read; -1: none seen */
    int64_t next_seq, last_id;
    int32_t retry; /* ms, as it was last told */
    char *resume;  /* the id of `connected` is put here (ID_SIZE bytes); NULL: not wanted */
};

void events_begin(struct events *e);
void events_read(struct events *e, struct tally *t, const char *bytes, size_t count);

#endif
