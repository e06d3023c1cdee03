/* What a request is about.
 *
 * The route is the last segment of the path, if it is one of ours.  The path is PATH_INFO,
 * else (nginx and mod_proxy_fcgi give none) that of REQUEST_URI, else SCRIPT_NAME.  Any other
 * path is the stream, which can thus be mounted under any name, unless there is a PATH_INFO;
 * then it is unknown.
 *
 * Pure.  Thread: any. */
#ifndef ROWCAST_FCGI_ROUTE_H
#define ROWCAST_FCGI_ROUTE_H

#include "fcgi/request/request.h"

enum route {
    ROUTE_EVENTS,
    ROUTE_BROADCAST,
    ROUTE_SEND,
    ROUTE_BATCH,
    ROUTE_DISCONNECT,
    ROUTE_STATS,
    ROUTE_HISTORY,
    ROUTE_UNKNOWN
};

enum route route_of(const struct request *r);

/* The method of a route: POST, or GET, which includes HEAD; NULL for ROUTE_UNKNOWN. */
const char *route_method(enum route route);

/* The last segment of its path; NULL for ROUTE_UNKNOWN. */
const char *route_segment(enum route route);

#endif
