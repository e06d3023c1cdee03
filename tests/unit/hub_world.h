/* The hub with a real loop and real sockets; the test plays the threads behind it (feeder, readers,
 * janitor). */
#ifndef ROWCAST_TESTS_HUB_WORLD_H
#define ROWCAST_TESTS_HUB_WORLD_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/hub/hub.h"

enum { STREAMS_MAX = 64, QUESTIONS_MAX = 256, DEADLINE_MS = 10000, TEXT_MAX = 4 * 1024 * 1024 };

static const char *const EPOCH = "5f2a91c0";

struct world {
    struct hub *hub;
    struct settings *settings;
    pthread_t thread;
    struct batch_builder *builder;
    int64_t end;
    sem_t asked, ended, fanned_out, emptied, collected;
    struct question *question[QUESTIONS_MAX];
    int questions;
    pthread_mutex_t lock; /* of the next */
    struct bookmark last_ended;
    struct bookmarks *marks; /* the newest collection */
};

static inline void on_ask(void *arg, struct question *q)
{
    struct world *w = arg;
    w->question[w->questions++] = q;
    sem_post(&w->asked);
}

static inline void on_ended(void *arg, struct ending *e)
{
    struct world *w = arg;
    pthread_mutex_lock(&w->lock);
    w->last_ended = e->bookmark;
    pthread_mutex_unlock(&w->lock);
    free(e);
    sem_post(&w->ended);
}

static inline struct bookmark last_ended(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    struct bookmark b = w->last_ended;
    pthread_mutex_unlock(&w->lock);
    return b;
}

static inline void on_marks(void *arg, struct bookmarks *b)
{
    struct world *w = arg;
    free(w->marks);
    w->marks = b;
    sem_post(&w->collected);
}

static inline void on_fanned_out(void *arg)
{
    sem_post(&((struct world *)arg)->fanned_out);
}

static inline void on_emptied(void *arg)
{
    sem_post(&((struct world *)arg)->emptied);
}

static inline void *run(void *arg)
{
    hub_run(((struct world *)arg)->hub);
    return NULL;
}

static inline void await(sem_t *s)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += DEADLINE_MS / 1000;
    assert_int_equal(sem_timedwait(s, &t), 0);
}

static inline int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    sem_t *all[] = {&w->asked, &w->ended, &w->fanned_out, &w->emptied, &w->collected};
    struct hub_friends friends = {w, on_ask, on_ended, on_marks, on_fanned_out, on_emptied};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sem_init(all[i], 0, 0);
    pthread_mutex_init(&w->lock, NULL);
    w->settings = settings_new();
    w->settings->heartbeat_interval = 1;
    w->settings->memory_bytes = 2 * 1024 * 1024;
    w->settings->max_event_bytes = 1024; /* else it raises the limit */
    w->settings->tail_bytes = 256 * 1024;
    w->builder = batch_builder_new();
    w->hub = hub_new(&friends, w->settings, STREAMS_MAX);
    w->end = 100;
    assert_true(hub_reset(w->hub, EPOCH, w->end));
    pthread_create(&w->thread, NULL, run, w);
    *state = w;
    return 0;
}

static inline void world_free(struct world *w)
{
    hub_free(w->hub);
    batch_builder_free(w->builder);
    settings_unref(w->settings);
    free(w->marks);
    free(w);
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    hub_stop(w->hub);
    pthread_join(w->thread, NULL);
    world_free(w);
    return 0;
}

/* Other settings, as the feeder hands them out when the table changed. */
static inline void set(struct world *w, int64_t heartbeat_interval, int64_t stream_max_age)
{
    struct settings *s = settings_new();
    assert_non_null(s);
    s->heartbeat_interval = heartbeat_interval;
    s->stream_max_age = stream_max_age;
    assert_true(hub_settings(w->hub, s));
    settings_unref(w->settings);
    w->settings = settings_ref(s);
}

/* For a stream from `cursor` on; *peer is the other end. */
static inline struct ticket *ticket_of(struct world *w, int64_t stream_id, int64_t cursor,
                                       int *peer)
{
    int pair[2];
    struct ticket *t = calloc(1, sizeof *t);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    t->fd = pair[0];
    framing_begin(&t->framing, FRAMING_FASTCGI, 1);
    cursor_begin(&t->cursor, subscription_new(NULL, NULL, 0, NULL, 0), cursor, w->end);
    t->cursor.last_sent = cursor;
    t->ids = true;
    if (stream_id) {
        t->ending = calloc(1, sizeof *t->ending);
        t->ending->bookmark = (struct bookmark){.stream_id = stream_id, .position = cursor};
        memcpy(t->ending->bookmark.epoch, EPOCH, sizeof t->epoch);
    }
    t->wait_ms = -1;
    t->retry = 500;
    memcpy(t->epoch, EPOCH, sizeof t->epoch);
    buffer_text(&t->prologue, "hello\n\n");
    *peer = pair[1];
    return t;
}

static inline int begin_stream(struct world *w, int64_t stream_id, int64_t cursor)
{
    int peer;
    hub_serve(w->hub, ticket_of(w, stream_id, cursor, &peer));
    return peer;
}

/* Rows with the key `key`; NULL: without one. */
static inline struct batch *keyed_batch_of(struct world *w, int64_t after, int64_t through,
                                           const char *key, const char *data, size_t len)
{
    struct batch_format format = {.epoch = EPOCH, .ids = true};
    batch_builder_begin(w->builder, &format);
    for (int64_t id = after + 1; id <= through; id++) {
        struct event e = {.id = id,
                          .mailbox = "",
                          .type = "message",
                          .data = data,
                          .data_len = len,
                          .key = key};
        assert_int_not_equal(batch_builder_add(w->builder, &e), BATCH_NO_ROOM);
    }
    return batch_builder_finish(w->builder, after, through);
}

static inline struct batch *batch_of(struct world *w, int64_t after, int64_t through,
                                     const char *data, size_t len)
{
    return keyed_batch_of(w, after, through, NULL, data, len);
}

/* A row for nobody here. */
static inline void feed_elsewhere(struct world *w)
{
    struct batch_format format = {.epoch = EPOCH, .ids = true};
    struct event e = {.id = ++w->end, .mailbox = "elsewhere", .type = "t", .data = ""};
    batch_builder_begin(w->builder, &format);
    batch_builder_add(w->builder, &e);
    assert_true(hub_feed(w->hub, batch_builder_finish(w->builder, w->end - 1, w->end)));
    await(&w->fanned_out);
}

static inline void feed(struct world *w, const char *data, size_t len)
{
    assert_true(hub_feed(w->hub, batch_of(w, w->end, w->end + 1, data, len)));
    w->end++;
    await(&w->fanned_out);
}

/* Read records until their content holds `what`, or (what NULL) until the end; the content so
 * far.  *ended: FCGI_END_REQUEST came. */
static inline char *read_until(int fd, const char *what, bool *ended)
{
    static char text[TEXT_MAX];
    static unsigned char raw[TEXT_MAX];
    size_t have = 0, len = 0;
    *ended = false;
    for (;;) {
        while (have >= 8 && have >= 8u + raw[4] * 256u + raw[5]) {
            size_t content = raw[4] * 256u + raw[5];
            if (raw[1] == 6)
                memcpy(text + len, raw + 8, content);
            len += raw[1] == 6 ? content : 0;
            *ended = *ended || raw[1] == 3;
            have -= 8 + content;
            memmove(raw, raw + 8 + content, have);
        }
        text[len] = '\0';
        if (what && strstr(text, what))
            return text;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, DEADLINE_MS) != 1)
            fail_msg("awaited \"%s\", got \"%.300s\"", what ? what : "the end", text);
        ssize_t n = read(fd, raw + have, sizeof raw - have);
        if (n <= 0) {
            if (what)
                fail_msg("awaited \"%s\", the stream ended with \"%.300s\"", what, text);
            return text;
        }
        have += (size_t)n;
    }
}

static inline void expect(int fd, const char *what)
{
    bool ended;
    read_until(fd, what, &ended);
}

#define HUB_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
