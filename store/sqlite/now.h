/* What time it is: by the wall clock, since 1970, for what is stored; and by the monotonic clock,
 * which nobody sets, for pauses and deadlines.
 *
 * Thread: any.  Costs no system call. */
#ifndef ROWCAST_STORE_SQLITE_NOW_H
#define ROWCAST_STORE_SQLITE_NOW_H

#include <stdint.h>
#include <time.h>

int64_t now_wall_ms(void);
int64_t now_wall_us(void);
int64_t now_monotonic_ms(void);
int64_t now_monotonic_us(void);

/* The wall clock's time in `ms` milliseconds from now, as pthread's timed locks want it. */
struct timespec now_wall_after(int ms);

#endif
