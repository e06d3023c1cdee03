/* Measuring: time, what a process uses, and how the latencies are spread.
 *
 * Each figure is printed as one line of `key=value` words behind the topic, for people and for
 * run.sh alike. */
#ifndef ROWCAST_BENCH_FIGURES_H
#define ROWCAST_BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/options.h"

int64_t clock_ns(void); /* CLOCK_MONOTONIC */

/* What one process uses.  PSS counts a page shared by n processes as 1/n. */
struct usage {
    int64_t pss, rss; /* bytes; 0: the process is gone */
    double cpu;       /* s of user and system time since it began */
    int64_t at;       /* clock_ns of the look */
};

/* Look at all given processes; the generator itself stands behind them, so `out` has
 * process_count + 1 places. */
void figures_look(const struct options *o, struct usage *out);

/* Print the memory now, and for `streams` > 0 what each of them cost since `before`. */
void figures_print_memory(const struct options *o, const char *when, const struct usage *before,
                          const struct usage *now, long streams);
void figures_print_cpu(const struct options *o, const char *when, const struct usage *before,
                       const struct usage *now);

/* Sorts `us`, then prints quantiles. */
void figures_print_latency(int32_t *us, size_t count);

#endif
