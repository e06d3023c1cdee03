#include "tests/scenario/posters.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void post_one(struct poster *p)
{
    static _Thread_local struct answer a;
    char data[32];
    int n = p->posts++;
    snprintf(data, sizeof data, "%d-%d", p->number, n);
    post(p->all->stage, &a, p->all->path, data);
    p->status[n] = a.status;
    const char *id = strstr(a.body, "{\"id\":\"");
    if (a.status != 200 || !id)
        return;
    p->id[n] = strtoll(strchr(id + 7, '-') + 1, NULL, 10);
    atomic_fetch_add(&p->all->taken, 1);
}

static void *run_poster(void *arg)
{
    struct poster *p = arg;
    while (p->posts < p->all->each && !atomic_load(&p->all->enough)) {
        post_one(p);
        if (p->status[p->posts - 1] != 200)
            pause_ms(100); /* nobody is there: else all posts would be spent on that */
    }
    return NULL;
}

void posters_start(struct posters *p, struct stage *s, const char *path, int count, int each)
{
    memset(p, 0, sizeof *p);
    p->stage = s;
    p->path = path;
    p->count = count;
    p->each = each;
    for (int i = 0; i < count; i++) {
        p->poster[i] = (struct poster){.all = p, .number = i};
        assert_int_equal(pthread_create(&p->poster[i].thread, NULL, run_poster, &p->poster[i]),
                         0);
    }
}

void posters_finish(struct posters *p)
{
    for (int i = 0; i < p->count; i++)
        pthread_join(p->poster[i].thread, NULL);
}

void expect_all_taken(struct posters *p)
{
    for (int i = 0; i < p->count; i++)
        for (int n = 0; n < p->each; n++)
            if (p->poster[i].status[n] != 200)
                fail_stage(p->stage, "publisher %d, post %d: came %d", i, n,
                           p->poster[i].status[n]);
}

/* " 17 17:5-3 19 18:5-4 …": the data of each publication, the smallest and, before it, the
 * number of its rows. */
static char *log_text(struct stage *s)
{
    const char *text =
        shell(s, "SELECT ' ' || count(*) || '/' || min(id) || ':' || data || ' ' FROM events "
                 "WHERE data GLOB '*-*' GROUP BY data");
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

static void expect_true(struct posters *p, const char *log, const struct poster *one, int n,
                        int rows)
{
    char told[64], any[32];
    snprintf(told, sizeof told, " %d/%lld:%d-%d ", rows, (long long)one->id[n], one->number, n);
    snprintf(any, sizeof any, ":%d-%d ", one->number, n);
    const char *there = strstr(log, any);
    if (one->id[n] && !strstr(log, told))
        fail_stage(p->stage, "answered%s, but the log has %.30s", told,
                   there ? there - 12 : "");
    snprintf(told, sizeof told, " %d/", rows);
    while (there && there > log && *there != ' ')
        there--;
    if (there && strncmp(there, told, strlen(told)) != 0)
        fail_stage(p->stage, "half a publication is in the log: %.30s", there);
}

void expect_true_answers(struct posters *p, int rows)
{
    char *log = log_text(p->stage);
    for (int i = 0; i < p->count; i++) {
        int64_t last = 0;
        for (int n = 0; n < p->poster[i].posts; n++) {
            int64_t id = p->poster[i].id[n];
            expect_true(p, log, &p->poster[i], n, rows);
            if (id && id <= last)
                fail_stage(p->stage, "id %lld after %lld", (long long)id, (long long)last);
            last = id ? id : last;
        }
    }
    free(log);
}

void stage_slow_syncs(struct stage *s, int ms)
{
    char program[PATH_MAX], library[PATH_MAX + 16], us[16];
    unsetenv("LD_PRELOAD");
    if (ms == 0 || stage_is_sanitized())
        return;
    snprintf(program, sizeof program, "%s", s->program);
    snprintf(library, sizeof library, "%s/slow_sync.so", dirname(program));
    snprintf(us, sizeof us, "%d", ms * 1000);
    setenv("SLOW_SYNC_US", us, 1);
    setenv("LD_PRELOAD", library, 1);
}
