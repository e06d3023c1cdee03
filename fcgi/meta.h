/* What a session keeps of the request that made it: bounded copies, safe to show.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_FCGI_META_H
#define ROWCAST_FCGI_META_H

#include <stddef.h>

#include "fcgi/request.h"

enum { META_TEXT_SIZE = 513, META_HEADERS_MAX = 32 };

/* Copy at most META_TEXT_SIZE - 1 bytes, cut between characters, control characters as spaces.
 * The same text always gives the same copy, so that copies can be compared. */
void meta_clip(char out[META_TEXT_SIZE], const char *text);

/* The JSON object of those headers that `names` (separated by commas, as in `meta_headers`)
 * names and the request has, at most META_HEADERS_MAX.  malloc'd; NULL: out of memory. */
char *meta_headers(const struct request *r, const char *names);

#endif
