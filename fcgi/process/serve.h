/* A process that serves: its signals, its supervisor if it has one, and the order of start and
 * stop.  Thread: main. */
#ifndef ROWCAST_FCGI_SERVE_H
#define ROWCAST_FCGI_SERVE_H

#include "fcgi/process/options.h"

/* Before there is another thread.  Returns when everything has ended; the exit status. */
int serve(const struct options *o);

#endif
