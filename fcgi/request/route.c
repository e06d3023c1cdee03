/* The last segment decides, so a responder can be mounted anywhere and need not be told
 * where: /sse/events, /app/live/events and /rowcast.fcgi/events are the same to it.
 *
 * A path whose last segment is not ours is a stream if the server did not split the path,
 * because then somebody mounted the program at an address of their own, /live for example.  If
 * the server did split it, the rest is a name that we do not have: /events/typo is a 404. */
#include "fcgi/request/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *segment;
    const char *method;
} routes[] = {
    [ROUTE_EVENTS] = {"events", "GET"},
    [ROUTE_BROADCAST] = {"broadcast", "POST"},
    [ROUTE_SEND] = {"send", "POST"},
    [ROUTE_BATCH] = {"batch", "POST"},
    [ROUTE_DISCONNECT] = {"disconnect", "POST"},
    [ROUTE_STATS] = {"stats", "GET"},
    [ROUTE_HISTORY] = {"history", "GET"},
};

static bool has_path_info(const struct request *r)
{
    return r->path_info[0] && strcmp(r->path_info, "/") != 0;
}

static const char *route_path_of(const struct request *r)
{
    if (has_path_info(r))
        return r->path_info;
    return r->request_uri[0] ? r->request_uri : r->script_name;
}

static bool last_segment_is(const char *path, const char *segment)
{
    size_t wanted = strlen(segment), len = strcspn(path, "?#");
    while (len > 0 && path[len - 1] == '/')
        len--;
    if (len < wanted || memcmp(path + len - wanted, segment, wanted) != 0)
        return false;
    return len == wanted || path[len - wanted - 1] == '/';
}

enum route route_of(const struct request *r)
{
    const char *path = route_path_of(r);
    for (int i = 0; i < ROUTE_UNKNOWN; i++)
        if (last_segment_is(path, routes[i].segment))
            return (enum route)i;
    return has_path_info(r) ? ROUTE_UNKNOWN : ROUTE_EVENTS;
}

const char *route_method(enum route route)
{
    return route == ROUTE_UNKNOWN ? NULL : routes[route].method;
}

const char *route_segment(enum route route)
{
    return route == ROUTE_UNKNOWN ? NULL : routes[route].segment;
}
