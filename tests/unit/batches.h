/* Batches made by hand, for the tests of their users. */
#ifndef ROWCAST_TESTS_UNIT_BATCHES_H
#define ROWCAST_TESTS_UNIT_BATCHES_H

#include <string.h>

#include "fcgi/stream/batch.h"

#define EPOCH "5f2a91c0"

struct row {
    int64_t id;
    const char *mailbox;
    const char *type;
    const char *data; /* an object if it begins with a brace */
};

struct hole {
    const char *mailbox; /* NULL: all forgotten mailboxes */
    int64_t trimmed_to;
};

static inline struct event event_of(const struct row *r)
{
    return (struct event){.id = r->id,
                          .mailbox = r->mailbox,
                          .type = r->type,
                          .data = r->data,
                          .data_len = strlen(r->data),
                          .created_at = r->id * 1000,
                          .is_object = r->data[0] == '{'};
}

/* The rows and holes as one batch of (after, through]. */
static inline struct batch *batch_of(int64_t after, int64_t through, const struct row *row,
                                     size_t rows, const struct hole *hole, size_t holes)
{
    const struct batch_format format = {.epoch = EPOCH, .ids = true, .replays = true};
    struct batch_builder *w = batch_builder_new();
    if (!w)
        return NULL;
    batch_builder_begin(w, &format);
    for (size_t i = 0; i < holes; i++)
        batch_builder_hole(w, hole[i].mailbox, hole[i].trimmed_to);
    for (size_t i = 0; i < rows; i++) {
        struct event e = event_of(&row[i]);
        if (batch_builder_add(w, &e) == BATCH_NO_ROOM)
            break;
    }
    struct batch *b = batch_builder_finish(w, after, through);
    batch_builder_free(w);
    return b;
}

/* One broadcast for each time, with the ids behind `after`, that expires then (0: never). */
static inline struct batch *batch_expiring(int64_t after, const int64_t *times, size_t n)
{
    const struct batch_format format = {.epoch = EPOCH, .ids = true};
    struct batch_builder *w = batch_builder_new();
    if (!w)
        return NULL;
    batch_builder_begin(w, &format);
    for (size_t i = 0; i < n; i++) {
        const struct event e = {.id = after + 1 + (int64_t)i,
                                .mailbox = "",
                                .type = "message",
                                .data = "x",
                                .data_len = 1,
                                .expires_at = times[i]};
        batch_builder_add(w, &e);
    }
    struct batch *b = batch_builder_finish(w, after, after + (int64_t)n);
    batch_builder_free(w);
    return b;
}

#define ROWS(a) (a), sizeof(a) / sizeof *(a)
#define NO_HOLES NULL, 0

#endif
