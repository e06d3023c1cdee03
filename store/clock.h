/* Whether the wall clock is to be believed, before events are let go by their age.
 *
 * A clock that is set ahead by three days, if only for some seconds, would make everything look
 * old.  So it is believed only where two things agree with it:
 *
 *  - the clock that nobody sets (CLOCK_BOOTTIME, which also runs while the machine sleeps), as
 *    long as this process looked at both: clock_watch();
 *  - the time at which the log's other writers saw it, which is kept in the table
 * rowcast_clock: clock_look().  The trigger rowcast_log_old in sql/schema.sql has the same rule
 * for whoever inserts, who has no other clock.
 *
 * All times are milliseconds.  Pure.  Thread: its owner's. */
#ifndef ROWCAST_STORE_CLOCK_H
#define ROWCAST_STORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CLOCK_STEP_MS = 10000,   /* how far the two clocks may drift apart between two looks */
    CLOCK_AHEAD_MS = 600000, /* how far ahead of the log's time is nothing unusual */
    CLOCK_DOUBT_MS = 600000, /* how long another time has to last until it is believed */
    CLOCK_APART_MS = 3600000 /* looks further apart do not show that it lasted */
};

/* What one process saw of both clocks.  Zeroed: nothing yet. */
struct clock_watch {
    bool began, jumped;
    int64_t offset; /* of the wall clock from the other, as it is believed … */
    int64_t since;  /* … and since when, by the other clock */
    int64_t other_offset, other_since; /* where the wall clock jumped to, and when */
};

enum clock_verdict {
    CLOCK_NEW,    /* nothing speaks against it, but this process saw little of it yet */
    CLOCK_STEADY, /* it went on evenly for CLOCK_DOUBT_MS */
    CLOCK_JUMPED  /* it was set, less than CLOCK_DOUBT_MS ago */
};

enum clock_verdict clock_watch(struct clock_watch *w, int64_t wall, int64_t boot);

/* The row of rowcast_clock. */
struct clock_row {
    int64_t believed_at, doubted_at, seen_at;
};

/* The row after a look at the wall clock, which is believed if doubted_at is 0 then. */
struct clock_row clock_look(const struct clock_row *row, int64_t wall, bool steady);

#endif
