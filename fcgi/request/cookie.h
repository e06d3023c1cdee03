/* The session's cookie: which tokens a request brings, and what it is given.
 *
 *     sse-session-id=<own token>.<another installation's>.<a third one's>
 *
 * Browsers tell hosts apart, but not ports, and send every cookie of a name whose path fits.
 * So a request can bring several: of an older path, or of another installation on the same
 * host.  All of them are offered to the store.  The known one wins, and those that were never
 * ours are sent back behind it, so that no installation ends another's sessions.  For the other
 * installation they are credentials, but every program on this host is shown them anyway; we
 * neither keep nor log them.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_FCGI_COOKIE_H
#define ROWCAST_FCGI_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/base/buffer.h"
#include "fcgi/request/request.h"
#include "store/store.h"

enum {
    COOKIE_TOKENS_MAX = 8,
    /* s: 400 days, the longest that a browser keeps a cookie (RFC 6265bis, 5.5).  The responder
     * decides how long a session lives. */
    COOKIE_MAX_AGE = 34560000,
    COOKIE_FOLDER_SIZE = 257
};

struct cookie_tokens {
    size_t n;
    bool unusable; /* something was sent that cannot be a token */
    char token[COOKIE_TOKENS_MAX][SESSION_TOKEN_SIZE];
};

/* Add the tokens of every cookie `name` in a Cookie header.  Several headers may have been
 * joined by `;` or `,`, and values may be quoted.  Each token is added once; beyond
 * COOKIE_TOKENS_MAX they are ignored. */
void cookie_read(struct cookie_tokens *out, const char *cookies, const char *name);

/* The same for the header X-SSE-Session-ID. */
void cookie_read_header(struct cookie_tokens *out, const char *value);

/* The folder of the address that the browser asked for, `/sse` for /sse/events.  It is the
 * cookie's path unless a setting says otherwise.  "/" if it cannot be a cookie's path. */
void cookie_folder(char out[COOKIE_FOLDER_SIZE], const struct request *r);

/* Append the line `Set-Cookie: …`. */
void cookie_write(struct buffer *out, const struct settings *settings, const struct request *r,
                  const struct claim *c);

#endif
