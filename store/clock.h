/* Whether the wall clock can be believed, before events are removed by their age.
 *
 * A clock that is set ahead by three days, if only for some seconds, would make every event look
 * old.  So the wall clock is believed only if two things agree with it:
 *
 *  - the clock that nobody sets (CLOCK_BOOTTIME, which also runs while the machine sleeps), for
 *    as long as this process has been watching both: clock_watch();
 *  - the times that the log's other writers saw, which are kept in the table rowcast_clock:
 *    clock_look().  The trigger rowcast_log_old in sql/schema.sql applies the same rule to
 *    inserts, where there is no other clock.
 *
 * All times are milliseconds.  Pure.  Thread: its owner's. */
#ifndef ROWCAST_STORE_CLOCK_H
#define ROWCAST_STORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CLOCK_STEP_MS = 10000,   /* how far the two clocks may drift apart between two looks */
    CLOCK_AHEAD_MS = 600000, /* up to so far ahead of the log's time nothing is unusual */
    CLOCK_DOUBT_MS = 600000, /* how long a new time has to last until it is believed */
    CLOCK_APART_MS = 3600000 /* two looks further apart do not show that it lasted */
};

/* What one process saw of both clocks.  Zeroed: nothing yet. */
struct clock_watch {
    bool began, jumped;
    int64_t offset; /* the believed distance of the wall clock from the other clock … */
    int64_t since;  /* … and since when it has been so, by the other clock */
    int64_t other_offset, other_since; /* the distance after a jump, and when that was seen */
};

enum clock_verdict {
    CLOCK_NEW,    /* nothing speaks against the wall clock, but it was watched only briefly */
    CLOCK_STEADY, /* it ran evenly for CLOCK_DOUBT_MS */
    CLOCK_JUMPED  /* it was set less than CLOCK_DOUBT_MS ago */
};

/* Look at both clocks. */
enum clock_verdict clock_watch(struct clock_watch *w, int64_t wall, int64_t boot);

/* The row of rowcast_clock. */
struct clock_row {
    int64_t believed_at, doubted_at, seen_at;
};

/* The row after a look at the wall clock.  If its doubted_at is 0, the wall clock is believed. */
struct clock_row clock_look(const struct clock_row *row, int64_t wall, bool steady);

#endif
