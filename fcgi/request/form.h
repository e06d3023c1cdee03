/* What a POST says: keys in the address, keys in a form-encoded body, or a body as it is.
 *
 * curl -d and HTML forms call every body form-encoded.  One that begins like JSON, also behind
 * white space or a byte order mark, is taken as it is, and so is one without `data=`, by
 * whoever asks for data.
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
    char wrong[FORM_WHY_SIZE]; /* "", or the first thing that is not as it should be */
};

/* Look at the body.  Keys in it count if it has the key `needs` (NULL: always).  form_free is
 * fine afterwards whatever came of it. */
void form_read(struct form *f, const struct request *r, const struct query *q,
               const char *needs);
void form_free(struct form *f);

/* A form that has `key` and not `needs` is no data by accident: f->wrong. */
void form_whole(struct form *f, const struct request *r, const char *needs, const char *key);

/* Every key, of address and body, has to be a parameter of the path; else f->wrong. */
void form_fit(struct form *f, enum route route);

/* The values of a key, those of the address first; as query_values. */
size_t form_values(const struct form *f, const char *key, const char **out, size_t max);

/* The one value of `key`; `otherwise` if there is none.  Given twice, or with control
 * characters: f->wrong. */
const char *form_text(struct form *f, const char *key, const char *otherwise);

/* Remember a sentence, unless there is one. */
void form_wrong(struct form *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
