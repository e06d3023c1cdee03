/* One request of a plain CGI program: variables in the environment, the body on descriptor 0,
 * the answer to descriptor 1, without framing (RFC 3875). */
#ifndef ROWCAST_FCGI_CGI_H
#define ROWCAST_FCGI_CGI_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request.h"

/* Fill `r`.  Reads CONTENT_LENGTH bytes from `in`; beyond `body_max` they are dropped.  `out`
 * is the request's from here on.  False: the body ended early, one of SIGTERM, SIGINT and
 * SIGUSR1 came meanwhile (they have to be blocked), or out of memory; r is empty then, and
 * `out` closed. */
bool cgi_request(struct request *r, const char *const *environment, int in, int out,
                 size_t body_max);

#endif
