/* The clock that people set (CLOCK_REALTIME), for times that are stored.  Pauses and deadlines
 * go by the other one, monotonic.h.
 *
 * Thread: any.  Costs no system call. */
#ifndef ROWCAST_FCGI_WALL_H
#define ROWCAST_FCGI_WALL_H

#include <stdint.h>

int64_t wall_ms(void); /* milliseconds since 1970 */

#endif
