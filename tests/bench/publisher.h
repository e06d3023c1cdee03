/* Who publishes: one thread with a connection that stays open, to the log (SQLite) or to the
 * web server (POST).
 *
 * Rows are numbered from 0 over the whole run; for each the time is kept from which its latency
 * counts: when COMMIT returned, or when the POST was sent. */
#ifndef ROWCAST_BENCH_PUBLISHER_H
#define ROWCAST_BENCH_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/options.h"

struct publisher;

/* NULL: printed why. */
struct publisher *publisher_open(const struct options *o);
void publisher_close(struct publisher *p); /* NULL is fine */

/* Publish `rows` more, `every_ms` apart (0: as fast as they are taken), in the background. */
bool publisher_start(struct publisher *p, long rows, double every_ms, long batch);

/* Wait for the end of it.  False: a row was refused; printed why. */
bool publisher_finish(struct publisher *p);
bool publisher_failed(const struct publisher *p);

int64_t publisher_began(const struct publisher *p); /* clock_ns of the last start */
int64_t publisher_ended(const struct publisher *p);
int64_t publisher_stamp(const struct publisher *p, int64_t seq);

#endif
