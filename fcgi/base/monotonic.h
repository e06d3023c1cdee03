/* A clock that nobody can set, for deadlines and pauses.  It stands still while the machine is
 * suspended (CLOCK_MONOTONIC).
 *
 * Thread: any.  Costs no system call. */
#ifndef ROWCAST_FCGI_MONOTONIC_H
#define ROWCAST_FCGI_MONOTONIC_H

#include <stdint.h>

int64_t monotonic_us(void);
int64_t monotonic_ms(void);

#endif
