#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/browser.h"

int64_t id_number(const char *id)
{
    int n = 0;
    int64_t number = -1;
    if (strspn(id, "0123456789abcdef") != 8 ||
        sscanf(id + 8, "-%" SCNd64 "%n", &number, &n) != 1 || id[8 + n])
        return -1;
    return number;
}

const char *id_text(struct stage *s, int64_t number)
{
    static char text[32];
    snprintf(text, sizeof text, "%.8s-%" PRId64, s->epoch, number);
    return text;
}

static const struct sse_event *next(struct browser *b, const char *what, const char *file,
                                    int line)
{
    const struct sse_event *e = browser_next(b, PATIENCE);
    if (!e)
        stage_fail(b->stage, file, line,
                   "%s: waited for %s, nothing came%s; the body so far:\n%s", b->path, what,
                   b->dead ? " (the source is dead)" : "", browser_body(b));
    return e;
}

static void other(struct browser *b, const char *what, const char *file, int line)
{
    const struct sse_event *e = &b->event;
    stage_fail(b->stage, file, line,
               "%s: waited for %s,\ncame event %s, id %s, data (%zu bytes): %.200s", b->path,
               what, e->type, e->id, e->data_len, e->data);
}

const char *expect_connected_at(struct browser *b, const char *file, int line)
{
    static char session[32];
    const struct sse_event *e = next(b, "connected", file, line);
    if (strcmp(e->type, "connected") != 0)
        other(b, "connected", file, line);
    const char *id = strstr(e->data, "\"sessionId\":\"");
    snprintf(session, sizeof session, "%.16s", id ? id + 13 : "");
    return session;
}

const struct sse_event *expect_event_at(struct browser *b, const char *type, const char *data,
                                        const char *file, int line)
{
    char what[512];
    snprintf(what, sizeof what, "event %s, data %.400s", type, data ? data : "(any)");
    const struct sse_event *e = next(b, what, file, line);
    if (strcmp(e->type, type) != 0 || (data && strcmp(e->data, data) != 0))
        other(b, what, file, line);
    return e;
}

const struct sse_event *expect_gap_at(struct browser *b, const char *reason, int64_t id,
                                      const char *file, int line)
{
    char what[128], said[64];
    snprintf(what, sizeof what, "gap, reason %s, id …-%" PRId64, reason, id);
    snprintf(said, sizeof said, "\"reason\":\"%s\"", reason);
    const struct sse_event *e = next(b, what, file, line);
    if (strcmp(e->type, "gap") != 0 || !strstr(e->data, said) ||
        (id >= 0 && id_number(e->id) != id))
        other(b, what, file, line);
    return e;
}

void expect_replay_at(struct browser *b, const char *which, int64_t count, const char *file,
                      int line)
{
    char data[64];
    snprintf(data, sizeof data, "{\"count\":%" PRId64 "}", count);
    expect_event_at(b, which, data, file, line);
}

void expect_count_at(struct browser *b, const char *type, int first, int last, const char *file,
                     int line)
{
    char data[16];
    int64_t before = -1;
    for (int i = first; i <= last; i++) {
        snprintf(data, sizeof data, "%d", i);
        int64_t id = id_number(expect_event_at(b, type, data, file, line)->id);
        if (id <= before)
            other(b, "a newer id", file, line);
        before = id;
    }
}

void expect_delivery_at(struct stage *s, int n, const char *file, int line)
{
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected_at(b, file, line);
    shell_count(s, "n", n, n);
    expect_count_at(b, "n", n, n, file, line);
    browser_close(b);
}

void expect_rows_at(struct browser *b, const char *type, int first, int last, const char *file,
                    int line)
{
    char what[128];
    for (int n = first; n <= last;) {
        snprintf(what, sizeof what, "event %s, data %d, in this stream or the next", type, n);
        const struct sse_event *e = next(b, what, file, line);
        if (strcmp(e->type, "connected") == 0 || strncmp(e->type, "replay-", 7) == 0)
            continue;
        if (strcmp(e->type, type) != 0 || e->data_len > 9 || atoi(e->data) != n)
            other(b, what, file, line);
        n++;
    }
}

static int heartbeats(const struct browser *b)
{
    int n = 0;
    for (const char *at = browser_body(b); (at = strstr(at, "\nevent: heartbeat\n")); at++)
        n++;
    return n;
}

void expect_heartbeats_at(struct browser *b, int n, const char *file, int line)
{
    int64_t until = now_ms() + PATIENCE;
    int before = heartbeats(b);
    while (heartbeats(b) < before + n) {
        if (browser_next(b, 50))
            other(b, "a heartbeat", file, line);
        if (now_ms() > until)
            stage_fail(b->stage, file, line, "waited for %d heartbeats, came %d", n,
                       heartbeats(b) - before);
    }
}
