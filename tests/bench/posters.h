/* Many publishers over HTTP: each has a connection that stays open, posts a row, waits for the
 * answer, and posts the next.  One thread drives them all.
 *
 * Every answer is checked: it is 200, its id is that of the row in the log, no two answers have
 * the same id, and the ids of one publisher grow.
 *
 * Afterwards SQLite commits rows of the same size one by one (synchronous=FULL) to the same
 * log, for comparison. */
#ifndef ROWCAST_BENCH_POSTERS_H
#define ROWCAST_BENCH_POSTERS_H

#include <stdbool.h>

#include "tests/bench/options.h"

/* Post o->rows rows from o->publishers publishers, check, and print.  False: something was
 * refused or is wrong; printed what. */
bool posters_run(const struct options *o);

#endif
