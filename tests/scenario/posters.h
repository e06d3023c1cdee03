/* Publishers over HTTP, each a thread that posts, waits for the answer, and posts the next; and
 * what they were answered against what is in the log. */
#ifndef ROWCAST_SCENARIO_POSTERS_H
#define ROWCAST_SCENARIO_POSTERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/scenario/scenario.h"

enum { POSTERS_MAX = 64, POSTS_MAX = 200 };

struct poster {
    struct posters *all;
    pthread_t thread;
    int number;
    int posts;
    int status[POSTS_MAX];
    int64_t id[POSTS_MAX]; /* 0: it was not answered with one */
};

struct posters {
    struct stage *stage;
    const char *path; /* where they post to */
    int count, each;
    atomic_bool enough; /* they stop before that */
    atomic_int taken;   /* answered 200 so far */
    struct poster poster[POSTERS_MAX];
};

/* `count` publishers begin to post `each` events to `path`: their data is "5-17", the 17th of
 * the 5th. */
void posters_start(struct posters *p, struct stage *s, const char *path, int count, int each);
void posters_finish(struct posters *p); /* wait for them */

void expect_all_taken(struct posters *p); /* every post was answered 200 */
/* Each id that was answered is that of its row, and the ids of one publisher grow; `rows` are
 * in the log for each post (a /send to two sessions has two), or none of those that were not
 * answered. */
void expect_true_answers(struct posters *p, int rows);

/* Programs that are started from now on have syncs of `ms` more (0: as before); nothing under a
 * sanitizer, which wants no library before its own. */
void stage_slow_syncs(struct stage *s, int ms);

#endif
