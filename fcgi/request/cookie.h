/* The session's cookie: which tokens a request brings, and what it is given.
 *
 *     sse-session-id=<own token>.<another installation's>.<a third one's>
 *
 * Browsers tell hosts apart, not ports, and send every cookie of a name whose path fits.  So a
 * request can bring several: of an older path, of another installation on the same host.  All
 * of them are offered to the store, the known one wins, and those that were never ours go back
 * behind it, so that no installation ends another's sessions.  They are credentials there,
 * which every program on this host is shown anyway; we neither keep nor log them.
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
    /* s: 400 days, the most a browser keeps (RFC 6265bis, 5.5).  How long a session lives, the
     * responder decides. */
    COOKIE_MAX_AGE = 34560000,
    COOKIE_FOLDER_SIZE = 257
};

struct cookie_tokens {
    size_t n;
    bool unusable; /* something was sent that cannot be a token */
    char token[COOKIE_TOKENS_MAX][SESSION_TOKEN_SIZE];
};

/* Add the tokens of every cookie `name` in a Cookie header; several such headers may have been
 * joined by `;` or `,`, and values may be quoted.  Each token is added once, the first
 * COOKIE_TOKENS_MAX. */
void cookie_read(struct cookie_tokens *out, const char *cookies, const char *name);

/* The same for the header X-SSE-Session-ID. */
void cookie_read_header(struct cookie_tokens *out, const char *value);

/* The folder of the address the browser asked for, `/sse` for /sse/events: the cookie's path
 * unless a setting says otherwise.  "/" where that cannot be a cookie's. */
void cookie_folder(char out[COOKIE_FOLDER_SIZE], const struct request *r);

/* The line `Set-Cookie: …`. */
void cookie_write(struct buffer *out, const struct settings *settings, const struct request *r,
                  const struct claim *c);

#endif
