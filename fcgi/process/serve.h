/* A process that serves: its signals, its supervisor if it has one, and the order of start and
 * stop.  Thread: main. */
#ifndef ROWCAST_FCGI_SERVE_H
#define ROWCAST_FCGI_SERVE_H

#include "fcgi/process/options.h"

/* Serve until everything has ended; returns the exit status.  To be called before there is
 * another thread. */
int serve(const struct options *o);

#endif
