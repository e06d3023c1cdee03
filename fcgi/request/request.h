/* One request, from FastCGI parameters or from the environment of a CGI program.
 *
 * Everything is copied.  The strings live as long as the request, and are "" for what was not
 * sent.  Memory is bounded by REQUEST_VARIABLES_MAX bytes of variables, and the body's limit.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_REQUEST_H
#define ROWCAST_FCGI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/stream/framing.h"

enum { REQUEST_VARIABLES_MAX = 1024 * 1024 };

struct unsent;

struct request {
    int fd; /* where the answer goes; owned; -1: it was taken over */
    enum framing_kind framing;
    uint16_t request_id;

    const char *method;
    const char *script_name;
    const char *path_info;
    const char *request_uri;
    const char *query_string;
    const char *content_type;
    const char *cookie;
    const char *authorization;
    const char *last_event_id;
    const char *session_token; /* X-SSE-Session-ID */
    const char *user_agent;
    const char *remote_addr;
    bool https;

    char *body; /* NUL-terminated too; NULL: none */
    size_t body_len;
    size_t body_room;
    bool body_too_large; /* it was larger than the limit; `body` is NULL then */
    bool body_lost;      /* there was no memory for it */
    bool body_unread;    /* bytes of it may still come: an answer leaves the connection open */

    struct unsent *unsent; /* takes what the socket does not; NULL: an answer may block */

    const char **variable; /* NAME=VALUE, the last one NULL */
    char *text;
};

/* Whether the method is HEAD: the same answer as to GET, without a body. */
bool request_is_head(const struct request *r);

/* Begin an empty request that owns `fd`. */
void request_begin(struct request *r, int fd, enum framing_kind framing, uint16_t request_id);
void request_end(struct request *r); /* frees all, closes fd */

/* Copy the variables of `environment` (NAME=VALUE, NULL at the end).  False: there are too
 * many, or there is no memory. */
bool request_variables(struct request *r, const char *const *environment);

/* Use the variables that fastcgi_variables gave; takes over both blocks. */
void request_take_variables(struct request *r, char *text, const char **variable);

/* Append to the body.  If it would have more than `max` bytes in all, it is dropped and
 * body_too_large is set.  False: out of memory. */
bool request_body(struct request *r, const char *bytes, size_t len, size_t max);

/* The value of a variable (REMOTE_ADDR), or of a header by its HTTP name (X-Forwarded-For, in
 * any case); "" if there is none.  If a variable is there twice, the last one counts, as in
 * php-fpm: nginx sends a fastcgi_param once for each line that sets it, and the later line is
 * the administrator's. */
const char *request_variable(const struct request *r, const char *name);
const char *request_header(const struct request *r, const char *name);

/* The value of CONTENT_LENGTH; UINT64_MAX if it has too many digits.  False, and 0: there is
 * none, as for a body that is sent in chunks, or it is not a number. */
bool request_content_length(const struct request *r, uint64_t *out);

/* Take the descriptor over; the request no longer has one. */
int request_take_fd(struct request *r);

#endif
