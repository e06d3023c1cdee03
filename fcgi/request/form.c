/* The difficulty is to tell a form from data.  curl -d and HTML forms give the same media type
 * to every body, so the body itself has to decide.  A wrong guess would show: in data that is
 * read as a form each `+` becomes a space, and a form that is published as data reaches pages
 * as `data=…`.  So what looks like JSON is data, and a form without the key that is needed is
 * either data or, if it has other keys of ours, an error (form_whole).
 *
 * The first mistake is kept in `wrong`, and reading goes on.  So a caller checks once, at the
 * end, and the sentence is about what comes first in the request. */
#include "fcgi/request/form.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void form_wrong(struct form *f, const char *format, ...)
{
    va_list args;
    if (f->wrong[0])
        return;
    va_start(args, format);
    vsnprintf(f->wrong, sizeof f->wrong, format, args);
    va_end(args);
}

/* The first byte that is no white space and no part of a byte order mark; NUL: none. */
static char first_byte(const struct request *r)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *at = r->body;
    if (strncmp(at, mark, sizeof mark - 1) == 0)
        at += sizeof mark - 1;
    return at[strspn(at, " \t\r\n")];
}

/* Not by the media type alone: curl -d gives it to every body, even to JSON. */
static bool is_encoded(const struct request *r)
{
    static const char type[] = "application/x-www-form-urlencoded";
    size_t len = sizeof type - 1;
    return r->body_len > 0 && strncasecmp(r->content_type, type, len) == 0 &&
           strchr("; \t", r->content_type[len]) && !strchr("{[\"", first_byte(r));
}

/* Whether there is a `key=` in the text at all.  A body that is data is not split, because that
 * could fail if it has many ampersands. */
static bool may_have(const struct request *r, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = r->body; at;
         at = memchr(at, '&', r->body_len - (size_t)(at - r->body))) {
        at += *at == '&';
        if (strncmp(at, key, len) == 0 && at[len] == '=')
            return true;
    }
    return false;
}

void form_read(struct form *f, const struct request *r, const struct query *q,
               const char *needs)
{
    *f = (struct form){.query = q};
    if (!is_encoded(r) || (needs && !may_have(r, needs)))
        return;
    switch (query_parse(&f->body, r->body, r->body_len)) {
    case QUERY_OK:
        break;
    case QUERY_TOO_MANY:
        form_wrong(f, "the form has more than %d fields", QUERY_ITEMS_MAX);
        break;
    case QUERY_NOMEM:
        f->nomem = true;
        break;
    }
}

void form_whole(struct form *f, const struct request *r, const char *needs, const char *key)
{
    if (is_encoded(r) && may_have(r, key) && !may_have(r, needs))
        form_wrong(f,
                   "the form has %s= but no %s=; if all of it is the data, send it with "
                   "Content-Type: text/plain",
                   key, needs);
}

void form_fit(struct form *f, enum route route)
{
    char why[PARAMETERS_WHY_SIZE];
    if (!parameters_fit(route, f->query, why) || !parameters_fit(route, &f->body, why))
        form_wrong(f, "%s", why);
}

void form_free(struct form *f)
{
    query_free(&f->body);
}

size_t form_values(const struct form *f, const char *key, const char **out, size_t max)
{
    size_t n = query_values(f->query, key, out, max);
    return n + (n < max ? query_values(&f->body, key, out + n, max - n)
                        : query_values(&f->body, key, NULL, 0));
}

const char *form_text(struct form *f, const char *key, const char *otherwise)
{
    const char *value = otherwise;
    size_t n = form_values(f, key, &value, 1);
    if (n > 1)
        form_wrong(f, "%s is given more than once", key);
    else if (n == 1 && !query_is_plain(value))
        form_wrong(f, "%s cannot contain control characters", key);
    return value;
}
