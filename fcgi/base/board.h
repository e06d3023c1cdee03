/* The settings in force, shared by all threads: the feeder replaces them, everyone reads them.
 * Thread: any. */
#ifndef ROWCAST_FCGI_BOARD_H
#define ROWCAST_FCGI_BOARD_H

#include <pthread.h>

#include "store/settings.h"

struct board {
    pthread_mutex_t lock;
    struct settings *settings;
};

void board_open(struct board *b, struct settings *first); /* takes the reference */
void board_close(struct board *b);

struct settings *board_get(struct board *b);             /* a reference of the caller's own */
void board_put(struct board *b, struct settings *newer); /* takes the reference */

#endif
