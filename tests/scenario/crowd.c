#include "tests/scenario/crowd.h"

#include <stdlib.h>
#include <string.h>

/* A gap lets any newer row follow. */
static bool is_told(struct crowd *c, int i, const struct sse_event *e)
{
    if (!c->may_gap || strcmp(e->type, "gap") != 0)
        return false;
    c->told[i] = true;
    c->gaps++;
    return true;
}

static bool follows(const struct crowd *c, int i, int row)
{
    return row == c->have[i] + 1 || (c->told[i] && row > c->have[i]);
}

/* What has come, up to row `last`: rows once and in order, over however many connections. */
static bool take_rows(struct crowd *c, int i, int last)
{
    struct browser *b = c->browser[i];
    const struct sse_event *e;
    while (c->have[i] < last && (e = browser_next(b, 1))) {
        if (strcmp(e->type, "connected") == 0 || strncmp(e->type, "replay-", 7) == 0)
            continue;
        if (is_told(c, i, e))
            continue;
        if (strcmp(e->type, "n") != 0 || !follows(c, i, atoi(e->data)))
            fail_stage(c->stage, "browser %d waited for row %d, came %s %s", i, c->have[i] + 1,
                       e->type, e->data);
        c->have[i] = atoi(e->data);
        c->told[i] = false;
    }
    if (browser_is_dead(b))
        fail_stage(c->stage, "browser %d is dead after row %d: status %d", i, c->have[i],
                   browser_status(b));
    return c->have[i] >= last;
}

/* All in turn, so that all wait for their retry at the same time. */
static int complete(struct crowd *c, int row)
{
    int n = 0;
    for (int i = 0; i < CROWD; i++)
        n += take_rows(c, i, row);
    return n;
}

void crowd_open(struct crowd *c, struct stage *s)
{
    char command[NAME_SIZE + 64];
    *c = (struct crowd){.stage = s};
    shell_set(s, "buffer_size", "10000");
    for (int i = 0; i < CROWD; i++)
        expect_connected(c->browser[i] = browser_open(s, "/sse/events"));
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    c->shell = popen(command, "we");
    assert_non_null(c->shell);
    fputs(".output /dev/null\n.timeout 10000\n", c->shell);
}

void crowd_publish(struct crowd *c, int rows)
{
    for (int i = 0; i < rows; i++)
        fprintf(c->shell, "INSERT INTO events(type, data) VALUES ('n', '%d');\n", ++c->rows);
    fflush(c->shell);
}

void crowd_await_row(struct crowd *c, int row)
{
    await(c->stage, complete(c, row) > 0);
}

void crowd_await(struct crowd *c)
{
    await(c->stage, complete(c, c->rows) == CROWD);
}

void crowd_close(struct crowd *c)
{
    pclose(c->shell);
}
