/* The log under open streams becomes another one: no stream waits for ever, each is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static void aside(struct stage *s, char *out, const char *suffix)
{
    snprintf(out, NAME_SIZE + 8, "%s%s", s->db, suffix);
}

/* Put the file at `from` where the log is, as a person would who restores a backup. */
static void replace_log(struct stage *s, const char *from)
{
    char name[NAME_SIZE + 8];
    if (rename(from, s->db))
        fail_stage(s, "rename %s: %s", from, strerror(errno));
    aside(s, name, "-wal");
    unlink(name);
    aside(s, name, "-shm");
    unlink(name);
}

static void expect_told_then_live(struct stage *s, struct browser *b)
{
    expect_gap(b, "epoch", -1);
    /* The responder may be writing the new epoch just now. */
    shell(s, "PRAGMA busy_timeout = 5000; INSERT INTO events(data) VALUES ('in the new log')");
    expect_event(b, "message", "in the new log");
    if (strncmp(browser_last_id(b), s->epoch, 8) == 0)
        fail_stage(s, "the id %s is of the old epoch", browser_last_id(b));
}

static void test_another_log_in_its_place_is_told(void **state)
{
    struct stage *s = *state;
    char other[NAME_SIZE + 8];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    aside(s, other, ".new");
    char was[NAME_SIZE];
    memcpy(was, s->db, sizeof was);
    snprintf(s->db, sizeof s->db, "%.120s", other);
    shell(s, ".read sql/schema.sql");
    shell_count(s, "n", 1, 20);
    memcpy(s->db, was, sizeof was);
    replace_log(s, other);
    expect_told_then_live(s, b);
}

/* As many changes as the old log had, so that only the log itself tells them apart. */
static void test_another_log_has_its_own_token(void **state)
{
    struct stage *s = *state;
    char other[NAME_SIZE + 8], was[NAME_SIZE];
    struct answer a;
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    post(s, &a, "/sse/broadcast?type=n", "1");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 1, 1);
    aside(s, other, ".new");
    memcpy(was, s->db, sizeof was);
    snprintf(s->db, sizeof s->db, "%.120s", other);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", "another-token");
    shell_set(s, "retry", "200");
    memcpy(s->db, was, sizeof was);
    assert_string_equal(shell(s, "SELECT config_version FROM rowcast_log"), "2");
    replace_log(s, other);
    expect_gap(b, "epoch", -1);
    post(s, &a, "/sse/broadcast?type=n", "2");
    assert_int_equal(a.status, 401);
    request(s, &a, "POST", "/sse/broadcast?type=n", "Authorization: Bearer another-token\r\n",
            "2");
    assert_int_equal(a.status, 200);
    expect_count(b, "n", 2, 2);
}

static void test_an_older_copy_restored_is_told(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE + 8];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    aside(s, copy, ".copy");
    shell(s, "VACUUM INTO '%s'", copy);
    shell_count(s, "n", 4, 6);
    expect_count(b, "n", 1, 6);
    replace_log(s, copy);
    expect_told_then_live(s, b);
}

/* With their second names, or the responder would give them back (test_files.c). */
static void test_a_deleted_wal_is_told(void **state)
{
    struct stage *s = *state;
    char wal[NAME_SIZE + 8], kept[NAME_SIZE];
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 1, 3);
    expect_count(b, "n", 1, 3);
    for (int i = 0; i < 2; i++) {
        snprintf(kept, sizeof kept, "%s/.rowcast.db%s.kept", s->folder, i ? "-shm" : "-wal");
        await(s, unlink(kept) == 0);
    }
    aside(s, wal, "-wal");
    if (unlink(wal))
        fail_stage(s, "unlink %s: %s", wal, strerror(errno));
    aside(s, wal, "-shm");
    unlink(wal);
    expect_told_then_live(s, b);
}

static void test_who_was_away_while_the_log_was_replaced_is_told(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE + 8];
    shell_count(s, "n", 1, 2);
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    shell_count(s, "n", 3, 6);
    aside(s, copy, ".copy");
    shell(s, "VACUUM INTO '%s'", copy);
    shell_count(s, "n", 7, 9);
    expect_count(b, "n", 3, 9);
    server_stop(s);
    replace_log(s, copy);
    lighttpd_start(s);
    expect_connected(b);
    expect_told_then_live(s, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_another_log_in_its_place_is_told),
        scenario(test_another_log_has_its_own_token),
        scenario(test_an_older_copy_restored_is_told),
        scenario(test_a_deleted_wal_is_told),
        scenario(test_who_was_away_while_the_log_was_replaced_is_told),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
