/* What a session keeps of the request that made it: bounded copies, safe to show.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_FCGI_META_H
#define ROWCAST_FCGI_META_H

#include <stddef.h>

#include "fcgi/request/request.h"

enum {
    META_TEXT_SIZE = 513, /* the User-Agent, which is compared */
    META_SHORT_SIZE = 65,
    META_QUERY_SIZE = 257,
    META_VALUE_SIZE = 257,
    META_HEADERS_MAX = 32,
    META_HEADERS_SIZE = 2048 /* of the JSON object of all of them; the rest is left out */
};

/* Copy at most size - 1 bytes, cut between characters, control characters as spaces.
 * The same text always gives the same copy, so that copies can be compared. */
void meta_clip(char *out, size_t size, const char *text);

/* The JSON object of those headers that `names` (separated by commas, as in `meta_headers`)
 * names and the request has, at most META_HEADERS_MAX.  malloc'd; NULL: out of memory. */
char *meta_headers(const struct request *r, const char *names);

#endif
