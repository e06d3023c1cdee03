/* The JSON that answers consist of, and that a session keeps of its request's headers: written
 * by jansson, here alone.  (Events are not written here: their data is the publisher's, and goes
 * out as it is.)
 *
 * Each function returns a text in one line, malloc'd, which the caller frees; NULL: out of
 * memory.  Texts go in as UTF-8; what is none is told as U+FFFD, since a path or a header may
 * hold any bytes, and the answer has to be JSON all the same.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_JSON_H
#define ROWCAST_FCGI_JSON_H

#include <stddef.h>

#include "store/store.h"

/* {"error": sentence} */
char *json_of_error(const char *sentence);

/* What GET /stats answers.  What is not known, or not there, is null. */
char *json_of_stats(const struct store_stats *stats, const struct settings *settings);

/* What was published: {"id": …} for a channel; with "ids", one a session, for sessions. */
char *json_of_published(const struct appending *a);

/* A header, whose bytes are taken for Latin-1: they have no agreed meaning. */
struct json_header {
    const char *name, *value;
};

/* An object of them in this order, all of it ASCII.  A header with which it would be longer than
 * `max` bytes is left out. */
char *json_of_headers(const struct json_header *headers, size_t n, size_t max);

#endif
