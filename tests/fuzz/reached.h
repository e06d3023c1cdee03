/* What a fuzz target is for, as points that its runs have to reach: a target that never gets
 * there tests nothing, however many runs it makes.
 *
 * Each target lists its points and calls reach() at them.  At the end it prints how often each
 * was reached, and tests/fuzz/run.sh refuses a zero.  With ROWCAST_PLANT=N in the environment,
 * point N reads beyond its memory: so the test knows that a fault there would be found.
 *
 * To be included by a target, once. */
#ifndef ROWCAST_TESTS_FUZZ_REACHED_H
#define ROWCAST_TESTS_FUZZ_REACHED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct point {
    const char *what;
    unsigned long times;
};
static struct point points[]; /* the target's; the last one is {NULL} */
static long planted = -1;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void reach(size_t point)
{
    points[point].times++;
    if ((long)point == planted) {
        volatile char *one = malloc(1);
        volatile char beyond = one[1]; /* NOLINT: on purpose */
        (void)beyond;
        free((char *)(uintptr_t)one);
    }
}

static void print_points(void)
{
    for (const struct point *p = points; p->what; p++)
        fprintf(stderr, "reached: %lu %s\n", p->times, p->what);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *plant = getenv("ROWCAST_PLANT");

    (void)argc, (void)argv;
    if (plant)
        planted = strtol(plant, NULL, 10);
    return atexit(print_points);
}

#endif
