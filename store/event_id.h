/* The text form of an event id: `<epoch>-<id>`, for example 5f2a91c0-19.
 *
 * The epoch is eight lower-case hex digits, made anew for each log; the id is the row's, in
 * decimal.  The text is printable ASCII and far below 128 bytes, which every client keeps.  (An
 * id beyond Latin-1 stops npm's and htmx's clients for good; measured.)
 *
 * Thread: any; plain values. */
#ifndef ROWCAST_STORE_EVENT_ID_H
#define ROWCAST_STORE_EVENT_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EPOCH_SIZE = 9,    /* eight digits and a NUL */
    EVENT_ID_SIZE = 29 /* epoch, '-', at most 19 digits, NUL */
};

struct event_id {
    char epoch[EPOCH_SIZE];
    int64_t id;
};

/* Whether the text begins with eight lower-case hex digits, whatever follows them. */
bool epoch_is_sound(const char *text);

/* Write the text of `id` under `epoch`; returns its length without the NUL. */
size_t event_id_format(char text[EVENT_ID_SIZE], const char *epoch, int64_t id);

/* Read exactly what event_id_format() writes (no sign, no leading zero but "0" itself, nothing
 * behind).  False, and *out untouched, for anything else, however long. */
bool event_id_parse(struct event_id *out, const char *text);

#endif
