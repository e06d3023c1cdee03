/* The one request of a plain CGI program: variables in the environment, the body on descriptor
 * 0, the answer to descriptor 1, without framing (RFC 3875).  Thread: main. */
#ifndef ROWCAST_FCGI_CGI_H
#define ROWCAST_FCGI_CGI_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/request.h"

enum { CGI_BODY_MS = 30000 };

/* Fill `r`, except for its body; takes over `out`.  False: out of memory, or too many
 * variables.  Then a GET was told to come later, any other request got 503, `r` is empty, and
 * `out` is closed. */
bool cgi_request(struct request *r, const char *const *environment, int out);

/* Read CONTENT_LENGTH bytes from `in`, or fewer if it ends early.  A body beyond `body_max` is
 * dropped.  Out of memory sets r->body_lost.  False: the body did not come within `patience_ms`
 * (answered with 408), or the process was told to end meanwhile (503, stop.h). */
bool cgi_body(struct request *r, int in, size_t body_max, int patience_ms);

/* Read the body of a request that was refused, for at most `patience_ms`.  A web server that
 * cannot send all of it may not pass on the answer (mod_cgid, fcgiwrap; measured). */
void cgi_rest(const struct request *r, int in, int patience_ms);

#endif
