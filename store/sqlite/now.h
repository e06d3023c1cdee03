/* What time it is: the wall clock's, since 1970, which the data has; and that of the clock
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

/* The wall clock's time in so many milliseconds, as pthread's timed locks want it. */
struct timespec now_wall_after(int ms);

#endif
