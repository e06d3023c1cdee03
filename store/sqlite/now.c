/* The kernel answers both clocks in the vDSO, without a system call (vdso(7)).  CLOCK_MONOTONIC
 * stands still while the machine sleeps, as the program does, so a deadline does not pass before
 * anybody could meet it. */
#include "store/sqlite/now.h"

static int64_t now_us_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t now_wall_us(void)
{
    return now_us_of(CLOCK_REALTIME);
}

int64_t now_wall_ms(void)
{
    return now_wall_us() / 1000;
}

int64_t now_monotonic_us(void)
{
    return now_us_of(CLOCK_MONOTONIC);
}

int64_t now_monotonic_ms(void)
{
    return now_monotonic_us() / 1000;
}

struct timespec now_wall_after(int ms)
{
    int64_t us = now_wall_us() + (int64_t)ms * 1000;
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}
