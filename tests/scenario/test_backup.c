/* Backups of a log that is in use, and what becomes of streams when one is put back: as
 * docs/backup.md says.  A log that is replaced by a rename is the matter of test_log.c. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

enum { OLD_ROWS = 10000 /* of 1 KiB, so that a copy takes a while */ };

/* A publisher that commits row after row, data 1, 2, 3, …, by one stock shell with a .timeout.
 * Its shell ends at the first row that is refused. */
struct publisher {
    pthread_t thread;
    FILE *sqlite;
    atomic_bool stop;
    int rows; /* after publisher_end: how many */
};

static void *publish_rows(void *arg)
{
    struct publisher *p = arg;
    while (!atomic_load(&p->stop)) {
        fprintf(p->sqlite, "INSERT INTO events(type, data) VALUES ('n', '%d');\n", ++p->rows);
        fflush(p->sqlite);
        pause_ms(1);
    }
    return NULL;
}

static struct publisher *publisher_start(struct stage *s)
{
    char command[NAME_SIZE + 64];
    struct publisher *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch -bail %s", s->db);
    p->sqlite = popen(command, "we");
    assert_non_null(p->sqlite);
    fputs(".timeout 10000\n", p->sqlite);
    assert_int_equal(pthread_create(&p->thread, NULL, publish_rows, p), 0);
    return p;
}

/* How many rows were published; fails if one was refused. */
static int publisher_end(struct stage *s, struct publisher *p)
{
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    int rows = p->rows, status = pclose(p->sqlite);
    free(p);
    if (status != 0)
        fail_stage(s, "a row was refused: the shell's status is %d", status);
    return rows;
}

/* What a stream of the rows 1, 2, 3, … has had. */
struct watch {
    struct browser *b;
    int have; /* the newest row */
    int gaps;
    bool jumps; /* a gap was the last: any newer row may follow */
};

static bool watched(struct stage *s, struct watch *w, int row)
{
    const struct sse_event *e;
    while (w->have < row && (e = browser_next(w->b, 1))) {
        int n = atoi(e->data);
        if (strcmp(e->type, "gap") == 0 && strstr(e->data, "\"reason\":\"epoch\"")) {
            w->gaps++;
            w->jumps = true;
        } else if (strcmp(e->type, "n") == 0 && (w->jumps ? n > w->have : n == w->have + 1)) {
            w->have = n;
            w->jumps = false;
        } else {
            fail_stage(s, "after row %d and %d gaps came %s %s", w->have, w->gaps, e->type,
                       e->data);
        }
    }
    return w->have >= row;
}

/* The shell on `db` with commands one after the other, up to a NULL. */
static void sqlite_commands(struct stage *s, const char *db, const char *const commands[])
{
    const char *argv[16] = {"/usr/bin/sqlite3", "-batch", "-bail", db, ".timeout 10000"};
    int n = 5, status = -1;
    for (; *commands && n < 15; commands++)
        argv[n++] = *commands;
    pid_t pid = process_start(argv, NULL, s->errors, NULL);
    await(s, process_ended(pid, &status));
    if (status)
        fail_stage(s, "%s: \"%s\" ended with %d", db, argv[n - 1], status);
}

static void vacuum_into(struct stage *s, const char *copy)
{
    shell(s, "VACUUM INTO '%s'", copy);
}

/* Inside a transaction, since a backup begins anew with each row that others commit. */
static void dot_backup(struct stage *s, const char *copy)
{
    char command[NAME_SIZE + 16];
    snprintf(command, sizeof command, ".backup %s", copy);
    const char *const commands[] = {"BEGIN", "SELECT 1 FROM rowcast_log", command, NULL};
    sqlite_commands(s, s->db, commands);
}

/* In place, as one transaction of the log that is there. */
static void restore(struct stage *s, const char *copy)
{
    char command[NAME_SIZE + 16];
    snprintf(command, sizeof command, ".restore %s", copy);
    const char *const commands[] = {command, NULL};
    sqlite_commands(s, s->db, commands);
}

static void new_epoch(struct stage *s, const char *copy)
{
    const char *const commands[] = {"UPDATE rowcast_log SET epoch = lower(hex(randomblob(4)))",
                                    NULL};
    sqlite_commands(s, copy, commands);
}

static const char *shell_of(struct stage *s, const char *db, const char *sql)
{
    char was[NAME_SIZE];
    memcpy(was, s->db, sizeof was);
    snprintf(s->db, sizeof s->db, "%s", db);
    const char *said = shell(s, "%s", sql);
    memcpy(s->db, was, sizeof was);
    return said;
}

static void name_copy(const struct stage *s, char *out)
{
    snprintf(out, NAME_SIZE, "%s/copy.db", s->folder);
}

static void fill_log(struct stage *s)
{
    shell_set(s, "buffer_size", "1000000");
    shell(s,
          "INSERT INTO events(type, data) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
          "i + 1 FROM n WHERE i < %d) SELECT 'old', printf('%%01024d', i) FROM n",
          OLD_ROWS);
}

/* Whole, and what had been committed at one moment: the rows 1 to some, without a hole. */
static void expect_prefix(struct stage *s, const char *copy, int rows)
{
    assert_string_equal(shell_of(s, copy, "PRAGMA integrity_check"), "ok");
    int has = atoi(shell_of(s, copy, "SELECT count(*) FROM events WHERE type = 'n'"));
    int last = atoi(shell_of(s, copy,
                             "SELECT max(CAST(data AS INTEGER)) FROM events "
                             "WHERE type = 'n'"));
    if (has != last || has < 1 || has > rows)
        fail_stage(s, "%d rows, the last is %d, %d were published", has, last, rows);
    assert_string_equal(shell_of(s, copy,
                                 "SELECT count(*) = kept AND max(id) = last_id FROM "
                                 "events, rowcast_log, rowcast_channels"),
                        "1");
}

static void backup_in_mid_burst(struct stage *s, void (*take)(struct stage *, const char *))
{
    char copy[NAME_SIZE];
    name_copy(s, copy);
    fill_log(s);
    lighttpd_start(s);
    struct watch w = {.b = browser_open(s, "/sse/events?types=n")};
    expect_connected(w.b);
    struct publisher *p = publisher_start(s);
    await(s, watched(s, &w, 1));
    take(s, copy);
    await(s, watched(s, &w, w.have + 1)); /* both run on */
    int rows = publisher_end(s, p);
    await(s, watched(s, &w, rows));
    assert_int_equal(w.gaps, 0);
    expect_prefix(s, copy, rows);
}

static void test_vacuum_into_in_mid_burst_is_whole_and_stops_nobody(void **state)
{
    backup_in_mid_burst(*state, vacuum_into);
}

static void test_dot_backup_in_mid_burst_is_whole_and_stops_nobody(void **state)
{
    backup_in_mid_burst(*state, dot_backup);
}

/* Ids that were given and deleted, rules and settings: all of it is in the copy. */
static void expect_whole_log(struct stage *s, const char *copy, const char *triggers)
{
    shell_of(s, copy, "INSERT INTO events(type, data) VALUES ('n', '10')");
    assert_string_equal(shell_of(s, copy, "SELECT id FROM events"), "10");
    assert_string_equal(shell_of(s, copy, "SELECT trimmed_to FROM rowcast_log"), "9");
    assert_string_equal(
        shell_of(s, copy,
                 "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'trigger'"),
        triggers);
    assert_string_equal(
        shell_of(s, copy, "SELECT value FROM rowcast_config WHERE name = 'publish_token'"),
        TOKEN);
}

static void test_a_copy_keeps_ids_rules_and_settings(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE], triggers[1024];
    int status = 0;
    name_copy(s, copy);
    shell_count(s, "n", 1, 9);
    shell(s, "DELETE FROM events");
    snprintf(triggers, sizeof triggers, "%s",
             shell(s, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'trigger'"));
    dot_backup(s, copy);
    expect_whole_log(s, copy, triggers);
    unlink(copy);
    vacuum_into(s, copy);
    expect_whole_log(s, copy, triggers);
    restore(s, copy);
    assert_string_equal(shell(s, "SELECT data FROM events"), "10");
    assert_string_equal(shell(s, "PRAGMA journal_mode"), "wal");
    const char *said = shell_status(s, &status, "INSERT INTO events(type) VALUES ('gap')");
    assert_non_null(strstr(said, "reserved"));
}

static void test_restored_under_load_each_stream_is_told_and_goes_on(void **state)
{
    struct stage *s = *state;
    struct watch w[3] = {{0}};
    char copy[NAME_SIZE];
    name_copy(s, copy);
    fill_log(s);
    lighttpd_start(s);
    for (int i = 0; i < 3; i++)
        expect_connected(w[i].b = browser_open(s, "/sse/events?types=n"));
    struct publisher *p = publisher_start(s);
    await(s, watched(s, &w[0], 1));
    vacuum_into(s, copy);
    int later =
        w[0].have + 20; /* not in the condition, where it would move on with each look */
    await(s, watched(s, &w[0], later));
    new_epoch(s, copy);
    restore(s, copy);
    await(s, watched(s, &w[0], w[0].have + 1) && w[0].gaps > 0);
    int rows = publisher_end(s, p);
    for (int i = 0; i < 3; i++) {
        await(s, watched(s, &w[i], rows));
        assert_int_equal(w[i].gaps, 1);
    }
    assert_string_equal(shell(s, "PRAGMA integrity_check"), "ok");
}

/* Nobody gave the copy a new epoch: the responder does, because it saw more. */
static void test_restored_in_place_without_a_new_epoch_is_told_too(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE];
    name_copy(s, copy);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    vacuum_into(s, copy);
    shell_count(s, "n", 4, 6);
    expect_count(b, "n", 1, 6);
    restore(s, copy);
    expect_gap(b, "epoch", -1);
    sqlite_commands(
        s, s->db,
        (const char *const[]){"INSERT INTO events(type, data) VALUES ('n', 7)", NULL});
    expect_count(b, "n", 7, 7);
    if (strncmp(browser_last_id(b), s->epoch, 8) == 0)
        fail_stage(s, "the id %s is of the old epoch", browser_last_id(b));
}

/* On another machine: the log from the backup, and nothing of the sessions. */
static void move_to_another_machine(struct stage *s, const char *copy)
{
    static const char *const suffix[] = {
        "", "-wal", "-shm", ".leases", ".sessions", ".sessions-wal", ".sessions-shm"};
    char name[NAME_SIZE + 16];
    server_stop(s);
    for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
        snprintf(name, sizeof name, "%s%s", s->db, suffix[i]);
        unlink(name);
    }
    if (rename(copy, s->db))
        fail_stage(s, "the copy could not be put in place");
}

/* The restored log has given out anew the ids that clients have: the epoch tells them apart.  A
 * browser with a cookie is told that its session is gone; that comes first. */
static void test_on_a_new_machine_ids_that_were_given_again_are_not_mistaken(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE];
    static const int has[] = {0, 2, 6}; /* 0: the cookie, too */
    struct browser *b[3];
    name_copy(s, copy);
    lighttpd_start(s);
    expect_connected(b[0] = browser_open(s, "/sse/events"));
    shell_count(s, "n", 1, 3);
    vacuum_into(s, copy);
    shell_count(s, "n", 4, 6);
    expect_count(b[0], "n", 1, 6);
    new_epoch(s, copy);
    move_to_another_machine(s, copy);
    shell_count(s, "n", 14, 20);
    lighttpd_start(s);
    for (int i = 0; i < 3; i++) {
        if (has[i]) {
            b[i] = browser_new(s, "/sse/events");
            browser_header(b[i], "Last-Event-ID", id_text(s, has[i]));
            browser_connect(b[i]);
        }
        expect_connected(b[i]);
        expect_gap(b[i], has[i] ? "epoch" : "session", 10);
    }
    shell_count(s, "n", 21, 21);
    for (int i = 0; i < 3; i++)
        expect_count(b[i], "n", 21, 21);
}

/* A copy of the very end: no id was ever told that it does not have, so no gap is needed. */
static void test_a_copy_that_lacks_nothing_is_resumed_without_a_gap(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE], name[NAME_SIZE + 8];
    name_copy(s, copy);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 2);
    server_stop(s);
    vacuum_into(s, copy);
    assert_int_equal(rename(copy, s->db), 0);
    snprintf(name, sizeof name, "%s-wal", s->db);
    unlink(name);
    snprintf(name, sizeof name, "%s-shm", s->db);
    unlink(name);
    lighttpd_start(s);
    browser_cut(b);
    expect_connected(b);
    expect_replay_start(b, 1);
    expect_count(b, "n", 3, 3);
    expect_replay_end(b, 1);
    shell_count(s, "n", 4, 4);
    expect_count(b, "n", 4, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_vacuum_into_in_mid_burst_is_whole_and_stops_nobody),
        scenario(test_dot_backup_in_mid_burst_is_whole_and_stops_nobody),
        scenario(test_a_copy_keeps_ids_rules_and_settings),
        scenario(test_restored_under_load_each_stream_is_told_and_goes_on),
        scenario(test_restored_in_place_without_a_new_epoch_is_told_too),
        scenario(test_on_a_new_machine_ids_that_were_given_again_are_not_mistaken),
        scenario(test_a_copy_that_lacks_nothing_is_resumed_without_a_gap),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
