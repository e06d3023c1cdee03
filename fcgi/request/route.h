/* What a request is about.
 *
 * The route is the last segment of the path when it is one of ours.  The path is PATH_INFO,
 * else (nginx and mod_proxy_fcgi give none) that of REQUEST_URI, else SCRIPT_NAME.  Anything
 * else is the stream, so that it can be mounted under any name, but not with a PATH_INFO behind
 * it.
 *
 * Pure. */
#ifndef ROWCAST_FCGI_ROUTE_H
#define ROWCAST_FCGI_ROUTE_H

#include "fcgi/request/request.h"

enum route {
    ROUTE_EVENTS,
    ROUTE_BROADCAST,
    ROUTE_SEND,
    ROUTE_DISCONNECT,
    ROUTE_STATS,
    ROUTE_UNKNOWN
};

enum route route_of(const struct request *r);

/* The one method a route has, GET (then HEAD is fine, too) or POST; NULL for ROUTE_UNKNOWN. */
const char *route_method(enum route route);

/* The last segment of its path; NULL for ROUTE_UNKNOWN. */
const char *route_segment(enum route route);

#endif
