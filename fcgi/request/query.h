/* A query string, or a form-encoded body, split and decoded (by liburiparser).
 *
 * A decoded value may hold any byte, even line breaks, so callers ask query_is_plain first,
 * unless line breaks are fine.  A NUL (%00) cannot be kept in a C string: it is decoded as
 * \001, so such a value is not plain, and `nul` is set.
 *
 * Thread: its owner's. */
#ifndef ROWCAST_FCGI_QUERY_H
#define ROWCAST_FCGI_QUERY_H

#include <stdbool.h>
#include <stddef.h>

enum { QUERY_ITEMS_MAX = 1024 };

struct UriQueryListStructA;

struct query {
    struct UriQueryListStructA *list; /* NULL: there are no items */
    bool nul;                         /* some value had a NUL */
};

enum query_result { QUERY_OK, QUERY_TOO_MANY, QUERY_NOMEM };

/* Split and decode `text`.  `+` is a space; a broken percent escape stands for itself.
 * query_free may be called afterwards whatever the result. */
enum query_result query_parse(struct query *q, const char *text, size_t len);
void query_free(struct query *q);

/* The first value of `key`, "" for a key without a value; NULL: the key is not there. */
const char *query_value(const struct query *q, const char *key);

/* Put up to `max` values of `key` into `out` (NULL with max 0 only counts); returns how many
 * there are. */
size_t query_values(const struct query *q, const char *key, const char **out, size_t max);

struct query_item {
    const char *name, *value; /* value NULL: a name without `=` */
};

/* Get each item in turn: *at begins as q->list, and is moved on.  False: there are no more. */
bool query_next(const struct UriQueryListStructA **at, struct query_item *out);

/* Whether the value has no control characters. */
bool query_is_plain(const char *value);

#endif
