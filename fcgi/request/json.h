/* The JSON of answers, and of the headers that a session keeps of its request.  It is written
 * by jansson, in this file only.  (Events are not written here: their data is the publisher's,
 * and goes out as it is.)
 *
 * Each function returns a text in one line, malloc'd, which the caller frees; NULL: out of
 * memory.  Texts go in as UTF-8.  Bytes that are not UTF-8 become U+FFFD, since a path or a
 * header may hold any bytes, and the answer has to be JSON all the same.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_JSON_H
#define ROWCAST_FCGI_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

/* {"error": sentence} */
char *json_of_error(const char *sentence);

/* The answer to GET /stats.  What is not known, or does not exist, is null. */
char *json_of_stats(const struct store_stats *stats, const struct settings *settings);

/* The answer to a publication: {"id": …} for a channel; for sessions also "ids", one for each
 * session; for a batch "ids" alone, one for each row. */
char *json_of_published(const struct appending *a);

/* The answer to GET /history while its events come in; owned by who makes it. */
struct json_history;
struct json_history *json_history_new(void); /* NULL: out of memory */
void json_history_free(struct json_history *h);

/* Begin with the events of this log, and forget those that were added before. */
void json_history_begin(struct json_history *h, const char *epoch);

/* Add an event.  Its data becomes a text, whatever bytes it has.  False: out of memory. */
bool json_history_add(struct json_history *h, const struct event *e);

/* The whole answer.  The events are gone afterwards, since they take as much memory as the text. */
char *json_of_history(struct json_history *h, const struct history *end);

/* A header.  Its bytes are taken for Latin-1, because they have no agreed encoding. */
struct json_header {
    const char *name, *value;
};

/* An object of the headers in this order, in ASCII.  A header that would make it longer than
 * `max` bytes is left out. */
char *json_of_headers(const struct json_header *headers, size_t n, size_t max);

#endif
