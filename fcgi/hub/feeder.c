/* One thread waits in two places: for rows in store_wait, and for the hub in its inbox.  So the
 * inbox rings store_wake, and a sender need not know in which of the two it waits.
 *
 * `at` moves only when the hub has taken a batch, and the hub is told of another log before
 * `at` changes to it.  So a lack of memory costs a pause and another try, but never a row. */
#include "fcgi/hub/feeder.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/base/inbox.h"
#include "fcgi/base/log.h"
#include "fcgi/hub/replay.h"
#include "store/store.h"

enum { WAIT_MS = 1000, NO_MEMORY_MS = 100 };

struct feeder {
    pthread_t thread;
    struct store *store;
    struct batch_builder *builder;
    struct board *board;
    struct hub *hub;
    struct inbox inbox; /* its bell is store_wake */
    struct message fanned_out;
    struct message stop;
    bool stopping;
    bool under_way;        /* the hub has a batch that it did not fan out yet */
    bool down;             /* the log cannot be read, and the log line about it was written */
    bool following;        /* `at` is valid */
    bool tail_is_stale;    /* settings changed how events are written since the tail was made */
    struct store_end at;   /* the hub was fed up to at.last_id of at.epoch */
    struct settings *told; /* the settings that the hub has from us; NULL: none yet */
};

static void feeder_ring(void *arg)
{
    struct feeder *f = arg;
    store_wake(f->store);
}

static void feeder_open_mail(struct feeder *f, struct message *m)
{
    for (; m; m = m->next) {
        if (m == &f->stop)
            f->stopping = true;
        else
            f->under_way = false;
    }
}

/* An outage gets a log line when it begins and one when it is over.  Then wait a second. */
static void trouble(struct feeder *f, const char *doing)
{
    const char *why = store_why(f->store);
    if (!*why)
        why = "out of memory"; /* the store did not fail, but the batch could not be made */
    if (!f->down)
        log_line(LOG_LEVEL_ERROR, "log_unavailable", "doing=%s why=\"%s\"", doing, why);
    f->down = true;
    feeder_open_mail(f, inbox_wait(&f->inbox, WAIT_MS));
}

static void recovered(struct feeder *f)
{
    if (f->down)
        log_line(LOG_LEVEL_INFO, "log_available", "epoch=%s last_id=%lld", f->at.epoch,
                 (long long)f->at.last_id);
    f->down = false;
}

/* There is no memory to tell the hub something: wait a moment, and then read it again. */
static void out_of_memory(struct feeder *f)
{
    feeder_open_mail(f, inbox_wait(&f->inbox, NO_MEMORY_MS));
}

/* Begin to follow the log at its present end, and tell the hub, which may follow another. */
static void follow(struct feeder *f, const struct store_end *end)
{
    if (!hub_reset(f->hub, end->epoch, end->last_id)) {
        out_of_memory(f);
        return;
    }
    if (f->following)
        log_line(LOG_LEVEL_WARN, "log_replaced", "epoch=%s last_id=%lld", end->epoch,
                 (long long)end->last_id);
    f->at = *end;
    f->following = true;
}

static bool formats_alike(struct feeder *f, const struct settings *s)
{
    struct settings *now = board_get(f->board);
    bool alike = now->enable_reconnection == s->enable_reconnection &&
                 now->mark_replayed == s->mark_replayed;
    settings_unref(now);
    return alike;
}

/* If the hub cannot be told for want of memory, `told` stays old, and the next look at the log
 * tells it again. */
static void refresh_settings(struct feeder *f, const struct store_end *end)
{
    struct settings *newer;
    if (settings_are_of(f->told, end->epoch, end->config_version))
        return;
    if (store_settings_newer(f->store, f->told, &newer) != STORE_OK) {
        log_line(LOG_LEVEL_WARN, "settings_unread", "why=\"%s\"", store_why(f->store));
        return;
    }
    if (!newer)
        return;
    f->tail_is_stale |= !formats_alike(f, newer);
    if (hub_settings(f->hub, settings_ref(newer))) {
        settings_unref(f->told);
        f->told = settings_ref(newer);
    } else {
        settings_unref(newer);
    }
    board_put(f->board, newer);
}

/* The events in the tail are written as the settings wanted it then.  Without the tail, streams
 * ask the readers, who write them as the settings want it now. */
static void drop_stale_tail(struct feeder *f)
{
    if (f->tail_is_stale && hub_reset(f->hub, f->at.epoch, f->at.last_id))
        f->tail_is_stale = false;
}

static void pass_on(struct feeder *f, struct batch *b)
{
    int64_t through = b->through;
    if (!hub_feed(f->hub, b)) {
        batch_unref(b); /* its rows are read again, since `at` did not move */
        out_of_memory(f);
        return;
    }
    f->under_way = true;
    f->at.last_id = through;
}

/* Read what follows `at`, once. */
static enum store_result feed(struct feeder *f)
{
    struct store_question q = {.after = f->at.last_id};
    struct batch *b = NULL;
    struct store_end end;
    struct settings *settings = board_get(f->board);
    enum store_result r = replay_next(f->store, f->builder, settings, &q, &b, &end);
    settings_unref(settings);
    if (r != STORE_OK)
        return r;
    if (strcmp(end.epoch, f->at.epoch) != 0) {
        batch_unref(b);
        follow(f, &end);
        return STORE_OK;
    }
    refresh_settings(f, &end);
    if (b)
        pass_on(f, b);
    drop_stale_tail(f);
    return STORE_OK;
}

static enum store_result feeder_begin(struct feeder *f)
{
    struct store_end end;
    enum store_result r = store_where(f->store, &end);
    if (r != STORE_OK)
        return r;
    refresh_settings(f, &end);
    follow(f, &end);
    return STORE_OK;
}

static void *feeder_run(void *arg)
{
    struct feeder *f = arg;
    while (!f->stopping) {
        bool worked;
        enum store_result r = f->following ? feed(f) : feeder_begin(f);
        if (r != STORE_OK) {
            trouble(f, f->following ? "following" : "opening");
            continue;
        }
        recovered(f);
        while (f->under_way && !f->stopping)
            feeder_open_mail(f, inbox_wait(&f->inbox, -1));
        (void)store_upkeep(f->store, &worked);
        if (!f->stopping && store_wait(f->store, f->at.last_id, WAIT_MS) != STORE_OK)
            trouble(f, "waiting");
        feeder_open_mail(f, inbox_take(&f->inbox));
    }
    return NULL;
}

static void feeder_free_all(struct feeder *f)
{
    batch_builder_free(f->builder);
    settings_unref(f->told);
    store_close(f->store);
    inbox_close(&f->inbox);
    free(f);
}

struct feeder *feeder_start(const char *db_path, struct board *board, struct hub *hub)
{
    struct feeder *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->board = board;
    f->hub = hub;
    inbox_open(&f->inbox, feeder_ring, f);
    f->builder = batch_builder_new();
    if (!f->builder || store_open(&f->store, db_path) != STORE_OK ||
        pthread_create(&f->thread, NULL, feeder_run, f) != 0) {
        feeder_free_all(f);
        return NULL;
    }
    return f;
}

void feeder_fanned_out(struct feeder *f)
{
    inbox_post(&f->inbox, &f->fanned_out);
}

void feeder_stop(struct feeder *f)
{
    if (!f)
        return;
    inbox_post(&f->inbox, &f->stop);
    pthread_join(f->thread, NULL);
    feeder_open_mail(f, inbox_take(&f->inbox));
    feeder_free_all(f);
}
