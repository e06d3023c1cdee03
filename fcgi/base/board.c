/* A reader pays for a lock and a count, and keeps what it got for as long as one request or
 * one batch lasts.  A change never reaches into work that has begun, so nobody sees half of
 * two settings. */
#include "fcgi/base/board.h"

#include <stddef.h>

void board_open(struct board *b, struct settings *first)
{
    pthread_mutex_init(&b->lock, NULL);
    b->settings = first;
}

void board_close(struct board *b)
{
    settings_unref(b->settings);
    b->settings = NULL;
    pthread_mutex_destroy(&b->lock);
}

struct settings *board_get(struct board *b)
{
    pthread_mutex_lock(&b->lock);
    struct settings *s = settings_ref(b->settings);
    pthread_mutex_unlock(&b->lock);
    return s;
}

void board_put(struct board *b, struct settings *newer)
{
    pthread_mutex_lock(&b->lock);
    struct settings *older = b->settings;
    b->settings = newer;
    pthread_mutex_unlock(&b->lock);
    /* This may be the last reference, and freeing needs no lock. */
    settings_unref(older);
}
