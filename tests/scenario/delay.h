/* A proxy between browsers and the stage's server that holds all bytes, and the end of a
 * connection, for a while in each direction, as a long line does.
 *
 * A process of its own, which ends with the test at the latest. */
#ifndef ROWCAST_SCENARIO_DELAY_H
#define ROWCAST_SCENARIO_DELAY_H

#include "tests/scenario/scenario.h"

enum { DELAY_CONNECTIONS = 64 };

/* Listens on s->host; *port says where.  `down_ms`: from the server to the browser. */
pid_t delay_start(struct stage *s, int down_ms, int up_ms, int *port);
void delay_stop(pid_t proxy);

#endif
