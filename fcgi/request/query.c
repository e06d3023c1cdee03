/* liburiparser splits and decodes.  Its results are C strings, so NULs are replaced first and
 * the caller is told of them (disarm_nul).  It allocates for each item, so their number is
 * checked first. */
#include "fcgi/request/query.h"

#include <stdlib.h>
#include <string.h>
#include <uriparser/Uri.h>

/* A decoded NUL would end the value, and `5f2a91c0-3%00junk` would pass for an id.  Every %00
 * in the text is an encoded NUL, whatever stands before it, so a plain search finds them. */
static bool disarm_nul(char *text)
{
    bool found = false;
    for (char *at = text; (at = strstr(at, "%00")); at += 3) {
        at[2] = '1';
        found = true;
    }
    return found;
}

static bool too_many(const char *text)
{
    size_t items = 1;
    for (; *text; text++)
        items += *text == '&';
    return items > QUERY_ITEMS_MAX;
}

enum query_result query_parse(struct query *q, const char *text, size_t len)
{
    *q = (struct query){0};
    if (len == 0)
        return QUERY_OK;
    char *copy = malloc(len + 1);
    if (!copy)
        return QUERY_NOMEM;
    /* A body may hold a raw NUL as well, which must not end the text either. */
    for (size_t i = 0; i < len; i++)
        copy[i] = text[i] ? text[i] : '\001';
    copy[len] = '\0';
    q->nul = memchr(text, '\0', len);
    q->nul |= disarm_nul(copy);

    enum query_result result = QUERY_OK;
    int items;
    if (too_many(copy))
        result = QUERY_TOO_MANY;
    else if (uriDissectQueryMallocExA(&q->list, &items, copy, copy + len, URI_TRUE,
                                      URI_BR_DONT_TOUCH) != URI_SUCCESS) {
        q->list = NULL;
        result = QUERY_NOMEM;
    }
    free(copy);
    return result;
}

void query_free(struct query *q)
{
    if (q->list)
        uriFreeQueryListA(q->list);
    q->list = NULL;
}

size_t query_values(const struct query *q, const char *key, const char **out, size_t max)
{
    size_t n = 0;
    for (const struct UriQueryListStructA *i = q->list; i; i = i->next) {
        if (!i->key || strcmp(i->key, key) != 0)
            continue;
        if (n < max)
            out[n] = i->value ? i->value : "";
        n++;
    }
    return n;
}

const char *query_value(const struct query *q, const char *key)
{
    const char *value = NULL;
    query_values(q, key, &value, 1);
    return value;
}

bool query_next(const struct UriQueryListStructA **at, struct query_item *out)
{
    if (!*at)
        return false;
    out->name = (*at)->key ? (*at)->key : "";
    out->value = (*at)->value;
    *at = (*at)->next;
    return true;
}

bool query_is_plain(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    return true;
}
