/* Twenty browsers that shall miss nothing, and a publisher that inserts numbered rows, one
 * transaction each, as fast as the shell takes them, while the test does something else.
 *
 *     crowd_open(&c, s);
 *     crowd_publish(&c, 150);     returns at once
 *     kill(…);
 *     crowd_await(&c);            each has every row so far, once, in order; none is dead
 *     crowd_close(&c);
 */
#ifndef ROWCAST_SCENARIO_CROWD_H
#define ROWCAST_SCENARIO_CROWD_H

#include <stdio.h>

#include "tests/scenario/scenario.h"

enum { CROWD = 20 };

struct crowd {
    struct stage *stage;
    struct browser *browser[CROWD];
    int have[CROWD]; /* the last row of each */
    bool may_gap;    /* rows may be missing, where a gap was told */
    int gaps;        /* as were */
    bool told[CROWD];
    int rows; /* as were published */
    FILE *shell;
};

void crowd_open(struct crowd *c, struct stage *s); /* all are connected then */
void crowd_publish(struct crowd *c, int rows);
/* One of them has row `row`: what was published is under way. */
void crowd_await_row(struct crowd *c, int row);
void crowd_await(struct crowd *c);
void crowd_close(struct crowd *c);

#endif
