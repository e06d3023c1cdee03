/* From a row of the matrix to cmocka's tests. */
#include "tests/scenario/hosting.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAYS_MAX = 64, RESPONDERS_MAX = 64 };

struct play {
    const struct hosting *h;
    const struct hosting_cell *cell;
    bool secure;
    struct stage *stage;
    char name[160];
};

static int set_up(void **state)
{
    struct play *p = *state;
    void *stage = NULL;
    if (stage_setup(&stage))
        return -1;
    p->stage = stage;
    p->stage->secure = p->secure;
    return 0;
}

static bool all_gone(const pid_t *pid, size_t n);

/* First the responders: an Apache whose streams are open takes 10 s to end. */
static int tear_down(void **state)
{
    struct play *p = *state;
    void *stage = p->stage;
    pid_t pid[RESPONDERS_MAX];
    size_t n = hosting_responders(p->stage, pid, RESPONDERS_MAX);
    int64_t until = now_ms() + PATIENCE;
    for (size_t i = 0; i < n; i++)
        kill(pid[i], SIGTERM);
    while (!all_gone(pid, n) && now_ms() < until)
        pause_ms(5);
    return stage_teardown(&stage);
}

static void test_cell(void **state)
{
    struct play *p = *state;
    if (p->h->responder)
        p->h->responder(p->stage);
    p->h->server(p->stage);
    p->cell->play(p->stage, p->h);
}

/* What is played for a cell: itself, or what the row has in its place. */
static const struct hosting_cell *cell_of(const struct hosting *h,
                                          const struct hosting_cell *cell, bool secure)
{
    enum hosting_over other = secure ? OVER_HTTP1 : OVER_HTTP2;
    for (const struct hosting_exception *e = h->exceptions; e && e->cell; e++)
        if (strcmp(e->cell, cell->name) == 0 && e->over != other)
            return &e->instead;
    return cell;
}

/* An exception to a cell that there is not would go unseen. */
static bool exceptions_are_to_cells(const struct hosting *h)
{
    for (const struct hosting_exception *e = h->exceptions; e && e->cell; e++) {
        const struct hosting_cell *c = hosting_cells;
        while (c->name && strcmp(c->name, e->cell) != 0)
            c++;
        if (!c->name || !e->reason) {
            print_error("%s: no such cell, or no reason: %s\n", h->name, e->cell);
            return false;
        }
    }
    return true;
}

int hosting_run(const struct hosting *h, enum hosting_over over)
{
    static struct play plays[PLAYS_MAX];
    static struct CMUnitTest tests[PLAYS_MAX];
    size_t n = 0;
    if (!exceptions_are_to_cells(h))
        return 1;
    for (int secure = over == OVER_HTTP2; secure <= (h->has_http2 && over != OVER_HTTP1);
         secure++) {
        for (const struct hosting_cell *c = hosting_cells; c->name && n < PLAYS_MAX; c++) {
            struct play *p = &plays[n];
            *p = (struct play){.h = h, .cell = cell_of(h, c, secure), .secure = secure};
            snprintf(p->name, sizeof p->name, "%s%s", secure ? "over_http2_" : "",
                     p->cell->name);
            tests[n++] = (struct CMUnitTest){p->name, test_cell, set_up, tear_down, p};
        }
    }
    return _cmocka_run_group_tests(h->name, tests, n, NULL, NULL);
}

int await_clients(struct stage *s, int count)
{
    int64_t began = now_ms();
    await(s, stats(s, "active_clients") == count);
    return (int)(now_ms() - began);
}

void hosting_figure(const struct stage *s, const struct hosting *h, const char *what, int ms)
{
    const char *path = getenv("ROWCAST_FIGURES");
    FILE *f = path ? fopen(path, "ae") : NULL;
    if (!f)
        return;
    fprintf(f, "%s\t%s\t%s\t%d ms\n", h->name, s->secure ? "HTTP/2" : "HTTP/1.1", what, ms);
    fclose(f);
}

static bool is_responder(pid_t pid)
{
    char link[64], exe[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(link, exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    const char *name = strrchr(exe, '/');
    return name && (strncmp(name, "/rowcast.fcgi", 13) == 0 ||
                    strncmp(name, "/deployed.fcgi", 14) == 0);
}

/* Those without children of their own: a supervisor is no responder. */
static size_t collect(pid_t pid, pid_t *out, size_t max)
{
    pid_t child[RESPONDERS_MAX];
    size_t children = process_children(pid, child, RESPONDERS_MAX), n = 0;
    for (size_t i = 0; i < children && n < max; i++)
        n += collect(child[i], out + n, max - n);
    if (children == 0 && max > 0 && is_responder(pid))
        out[n++] = pid;
    return n;
}

size_t hosting_responders(struct stage *s, pid_t *out, size_t max)
{
    size_t n = s->server ? collect(s->server, out, max) : 0;
    return n + (s->alone ? collect(s->alone, out + n, max - n) : 0);
}

static bool all_gone(const pid_t *pid, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_responder(pid[i]))
            return false;
    return true;
}

void hosting_signal_responders(struct stage *s, int signal)
{
    pid_t pid[RESPONDERS_MAX];
    size_t n = hosting_responders(s, pid, RESPONDERS_MAX);
    if (n == 0)
        fail_stage(s, "no responder runs");
    for (size_t i = 0; i < n; i++)
        kill(pid[i], signal);
    await(s, all_gone(pid, n));
}

const char *hosting_socket(struct stage *s)
{
    static char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/own.socket", s->folder);
    return path;
}

void hosting_responder(struct stage *s)
{
    responder_start(s, hosting_socket(s), NULL);
}

void hosting_replace_responder(struct stage *s)
{
    process_stop(s, s->alone, SIGTERM);
    hosting_responder(s);
}

void hosting_kill_responder(struct stage *s)
{
    process_stop(s, s->alone, SIGKILL);
    hosting_responder(s);
}

void hosting_kill_responders(struct stage *s)
{
    hosting_signal_responders(s, SIGKILL);
}

void rows_come_and_come_back(struct stage *s)
{
    struct answer a;
    shell_set(s, "heartbeat_interval", "3600"); /* nothing else that could push a row out */
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 2);
    expect_count(b, "n", 1, 2);
    browser_cut(b);
    shell_count(s, "n", 3, 4);
    expect_connected(b);
    expect_replay_start(b, 2);
    expect_count(b, "n", 3, 4);
    expect_replay_end(b, 2);
    post(s, &a, "/sse/broadcast?type=n", "5");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 5, 5);
}
