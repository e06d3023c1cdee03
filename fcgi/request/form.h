/* What a POST says: keys in the address, keys in a form-encoded body, or a body as it is.
 *
 * curl -d and HTML forms call every body form-encoded.  A body that begins like JSON, also
 * behind white space or a byte order mark, is taken as it is; so is a body without `data=`, on
 * the paths that take data.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_FORM_H
#define ROWCAST_FCGI_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request/parameters.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"

enum { FORM_WHY_SIZE = PARAMETERS_WHY_SIZE };

struct form {
    const struct query *query; /* the address */
    struct query body;         /* empty unless the body is form-encoded */
    bool nomem;                /* the body could not be split for want of memory */
    char wrong[FORM_WHY_SIZE]; /* a sentence about the first mistake; "": none so far */
};

/* Read the body.  Keys in it count if it has the key `needs` (NULL: always).  form_free may be
 * called afterwards in any case. */
void form_read(struct form *f, const struct request *r, const struct query *q,
               const char *needs);
void form_free(struct form *f);

/* A form that has `key` but not `needs` is probably a form with a mistake, and not data: then
 * f->wrong says so. */
void form_whole(struct form *f, const struct request *r, const char *needs, const char *key);

/* If a key, of address or body, is not a parameter of the path, f->wrong says so. */
void form_fit(struct form *f, enum route route);

/* The values of a key, those of the address first; as query_values. */
size_t form_values(const struct form *f, const char *key, const char **out, size_t max);

/* The one value of `key`; `otherwise` if there is none.  If it is given twice or has control
 * characters, f->wrong says so. */
const char *form_text(struct form *f, const char *key, const char *otherwise);

/* Remember a sentence, unless there is one. */
void form_wrong(struct form *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
