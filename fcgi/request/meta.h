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
    META_HEADERS_SIZE = 2048 /* of the JSON object; headers beyond it are left out */
};

/* Copy at most size - 1 bytes, cut between characters, with spaces for control characters.
 * The same text always gives the same copy, so copies can be compared. */
void meta_clip(char *out, size_t size, const char *text);

/* The JSON object of the headers that the request has among `names` (separated by commas, as in
 * the setting `meta_headers`), at most META_HEADERS_MAX.  malloc'd; NULL: out of memory. */
char *meta_headers(const struct request *r, const char *names);

#endif
