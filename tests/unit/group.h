/* A group of publications, as store_append_all takes it. */
#ifndef ROWCAST_TESTS_GROUP_H
#define ROWCAST_TESTS_GROUP_H

#include <string.h>

#include "store/store.h"

enum { GROUP_MAX = 8 };

struct group {
    struct appending item[GROUP_MAX], *items[GROUP_MAX];
    int64_t ids[GROUP_MAX][2];
    size_t n;
};

/* Add a broadcast; its result is in it when the group was appended. */
static inline struct appending *add(struct group *g, const char *type, const char *data)
{
    struct appending *a = &g->item[g->n];
    *a = (struct appending){.ids = g->ids[g->n],
                            .what = {.channel = "", .type = type, .data = data}};
    a->what.data_len = strlen(data);
    g->items[g->n++] = a;
    return a;
}

#endif
