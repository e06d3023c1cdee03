/* The files of the log and of the sessions are removed, moved and replaced while everything
 * runs: nothing is lost without a word, and nobody is locked out. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/scenario/supervisor.h"

enum { SESSIONS = 20 };

static const char *beside(const char *file, const char *suffix)
{
    static char name[NAME_SIZE + 32];
    snprintf(name, sizeof name, "%s%s", file, suffix);
    return name;
}

/* The second name that the responder gives one of them. */
static const char *kept(const char *file, const char *suffix)
{
    static char name[NAME_SIZE + 32];
    const char *base = strrchr(file, '/') + 1;
    snprintf(name, sizeof name, "%.*s.%s%s.kept", (int)(base - file), file, base, suffix);
    return name;
}

static bool is_one_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_ino == sb.st_ino;
}

static bool has_second_names(const char *file)
{
    char name[NAME_SIZE + 32];
    snprintf(name, sizeof name, "%s", beside(file, "-wal"));
    bool wal = is_one_file(name, kept(file, "-wal"));
    snprintf(name, sizeof name, "%s", beside(file, "-shm"));
    return wal && is_one_file(name, kept(file, "-shm"));
}

/* And wait until it is there again. */
static void unlink_and_await(struct stage *s, const char *suffix)
{
    const char *name = beside(s->db, suffix);
    if (unlink(name))
        fail_stage(s, "unlink %s: %s", name, strerror(errno));
    await(s, access(name, F_OK) == 0);
}

static void expect_whole(struct stage *s)
{
    assert_string_equal(shell(s, "PRAGMA integrity_check"), "ok");
}

static void publish_row(struct stage *s, const char *data)
{
    struct answer a;
    post(s, &a, "/sse/broadcast?type=n", data);
    if (a.status != 200)
        fail_stage(s, "publishing gave %d: %s", a.status, a.body);
}

static struct browser *stream_of_a_log_in_use(struct stage *s)
{
    lighttpd_start(s);
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    await(s, has_second_names(s->db));
    publish_row(s, "1");
    expect_count(b, "n", 1, 1);
    return b;
}

static void test_a_shm_that_is_removed_is_missed_by_nobody(void **state)
{
    struct stage *s = *state;
    struct browser *b = stream_of_a_log_in_use(s);
    unlink_and_await(s, "-shm");
    publish(s, "", "n", "2");
    publish_row(s, "3");
    publish(s, "", "n", "4");
    expect_count(b, "n", 2, 4);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "4");
}

static void test_a_wal_that_is_removed_takes_nothing_along(void **state)
{
    struct stage *s = *state;
    struct browser *b = stream_of_a_log_in_use(s);
    unlink_and_await(s, "-wal");
    publish_row(s, "2");
    unlink(beside(s->db, "-wal")); /* both, as who wants to "unlock" a database does */
    unlink_and_await(s, "-shm");
    await(s, access(beside(s->db, "-wal"), F_OK) == 0);
    publish(s, "", "n", "3");
    expect_count(b, "n", 2, 3);
    assert_string_equal(shell(s, "SELECT group_concat(id) FROM events"), "1,2,3");
    expect_whole(s);
}

/* Somebody makes new ones before the responder looks: as many rows as were lost get ids that
 * were given before. */
static void test_ids_that_are_given_again_after_a_loss_are_told(void **state)
{
    struct stage *s = *state;
    struct browser *b = stream_of_a_log_in_use(s);
    pid_t pid = responder_pid(s);
    kill(pid, SIGSTOP);
    unlink(kept(s->db, "-wal"));
    unlink(kept(s->db, "-shm"));
    unlink(beside(s->db, "-wal"));
    unlink(beside(s->db, "-shm"));
    publish(s, "", "n", "given again");
    assert_string_equal(shell(s, "SELECT max(id) FROM events"), "1");
    kill(pid, SIGCONT);
    expect_gap(b, "epoch", -1);
    publish(s, "", "n", "3");
    expect_count(b, "n", 3, 3);
}

static void expect_gone(struct stage *s)
{
    struct answer a;
    post(s, &a, "/sse/broadcast", "nowhere");
    if (a.status != 503)
        fail_stage(s, "waited for 503, came %d: %s", a.status, a.body);
}

static void test_a_log_that_is_moved_away_and_back_is_the_same_log(void **state)
{
    struct stage *s = *state;
    char aside[NAME_SIZE];
    struct browser *b = stream_of_a_log_in_use(s);
    snprintf(aside, sizeof aside, "%s/aside", s->folder);
    assert_int_equal(rename(s->db, aside), 0);
    expect_gone(s);
    assert_int_equal(access(s->db, F_OK), -1);
    assert_int_equal(rename(aside, s->db), 0);
    publish(s, "", "n", "2");
    expect_count(b, "n", 2, 2);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "2");
    publish_row(s, "3");
    expect_count(b, "n", 3, 3);
}

/* With everything in it. */
static void test_a_folder_that_is_moved_away_and_back_is_the_same(void **state)
{
    struct stage *s = *state;
    char folder[NAME_SIZE], aside[NAME_SIZE];
    snprintf(folder, sizeof folder, "%s/data", s->folder);
    snprintf(aside, sizeof aside, "%s/aside", s->folder);
    assert_int_equal(mkdir(folder, 0770), 0);
    snprintf(s->db, sizeof s->db, "%.100s/rowcast.db", folder);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", TOKEN);
    struct browser *b = stream_of_a_log_in_use(s);
    assert_int_equal(rename(folder, aside), 0);
    expect_gone(s);
    assert_int_equal(rename(aside, folder), 0);
    publish(s, "", "n", "2");
    expect_count(b, "n", 2, 2);
}

/* `mv` alone: the old -wal, with rows in it, is still there. */
static void test_a_copy_that_is_moved_into_place_is_not_mixed_with_the_old_log(void **state)
{
    struct stage *s = *state;
    char copy[NAME_SIZE];
    struct browser *b = stream_of_a_log_in_use(s);
    snprintf(copy, sizeof copy, "%s/copy", s->folder);
    shell(s, "VACUUM INTO '%s'", copy);
    shell_count(s, "n", 2, 500);
    expect_count(b, "n", 2, 500);
    assert_int_equal(rename(copy, s->db), 0);
    expect_gap(b, "epoch", 1);
    publish(s, "", "n", "2");
    expect_count(b, "n", 2, 2);
    assert_string_equal(shell(s, "SELECT group_concat(data) FROM events"), "1,2");
    assert_string_equal(shell(s, "PRAGMA journal_mode"), "wal");
    expect_whole(s);
}

static void be_known_again(struct stage *s)
{
    struct browser *b = browser_open(s, "/sse/events");
    expect_connected(b);
    browser_reload(b);
    expect_connected(b);
    if (!strstr(browser_body(b), "\"reconnection\":true"))
        fail_stage(s, "a session is unknown a moment later:\n%s", browser_body(b));
    browser_close(b);
}

/* One of two processes is replaced at the same time: both have to see the same sessions. */
static void test_the_sessions_shm_is_removed_and_all_know_all_sessions(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    pid_t pid[PROCESSES];
    supervised_start(&v, s, 2, NULL);
    supervised_front(&v);
    for (int i = 0; i < SESSIONS; i++)
        be_known_again(s);
    await(s, has_second_names(s->sessions));
    supervised_pids(&v, pid);
    unlink(kept(s->sessions, "-shm")); /* so that it cannot be had back */
    unlink(beside(s->sessions, "-shm"));
    kill(pid[0], SIGKILL);
    await(s, !supervised_has(&v, pid[0]));
    supervised_pids(&v, pid);
    for (int i = 0; i < SESSIONS; i++)
        be_known_again(s);
}

/* SQLite and we cannot help that: the kernel ends who touches what is no longer there. */
static void test_a_shm_that_is_cut_to_nothing_costs_a_restart_and_no_row(void **state)
{
    struct stage *s = *state;
    struct browser *b = stream_of_a_log_in_use(s);
    if (stage_is_sanitized())
        skip(); /* the sanitizer takes the signal */
    pid_t pid = responder_pid(s);
    assert_int_equal(truncate(beside(s->db, "-shm"), 0), 0);
    await(s, process_ended(pid, NULL) || responder_pid(s) != pid);
    assert_int_not_equal(responder_pid(s), pid);
    expect_connected(b);
    publish(s, "", "n", "2");
    expect_rows(b, "n", 2, 2);
}

/* ---- other accounts ---------------------------------------------------------------- */

static void own(struct stage *s, const char *path, const char *user, gid_t group, mode_t mode)
{
    struct passwd *p = getpwnam(user);
    if (!p || chown(path, p->pw_uid, group == (gid_t)-1 ? p->pw_gid : group) ||
        chmod(path, mode))
        fail_stage(s, "%s: %s", path, strerror(errno));
}

/* A responder as www-data over a log of `nobody`'s, in a folder that both may write. */
static void start_beside_an_application(struct stage *s, gid_t group, mode_t mode)
{
    char folder[NAME_SIZE], where[NAME_SIZE], backend[256];
    stage_share_with(s, "www-data");
    chmod(s->folder, 0777);
    snprintf(folder, sizeof folder, "%s/data", s->folder);
    assert_int_equal(mkdir(folder, 0777), 0);
    chmod(folder, 0777);
    snprintf(s->db, sizeof s->db, "%.100s/shop.db", folder);
    shell(s, ".read sql/schema.sql");
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
    own(s, s->db, "nobody", group, mode);
    snprintf(where, sizeof where, "%s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", where);
    responder_start(s, where, "www-data");
    lighttpd_start_external(s, backend);
}

/* The application inserts; its exit status. */
static int application_inserts(struct stage *s)
{
    const char *argv[] = {"/usr/bin/sqlite3", s->db, ".timeout 5000",
                          "INSERT INTO events(type, data) VALUES('n', 1)", NULL};
    int status = -1;
    pid_t pid = process_start(argv, NULL, s->errors, "nobody");
    await(s, process_ended(pid, &status));
    return status;
}

static void test_an_application_is_not_locked_out_of_a_log_that_is_its_own_alone(void **state)
{
    struct stage *s = *state;
    struct answer a;
    int status = 0;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    start_beside_an_application(s, (gid_t)-1, 0644);
    post(s, &a, "/sse/broadcast?type=n", "1");
    assert_int_equal(a.status, 503);
    request(s, &a, "GET", "/sse/events?wait=0", "", NULL);
    assert_non_null(strstr(a.body, "event: later"));
    assert_int_equal(application_inserts(s), 0);
    assert_true(log_count(s, "Give both accounts one group") > 0);
    const char *said = responder_check(s, "www-data", &status);
    if (status != 1 ||
        !strstr(said, "belongs to nobody, with mode 0644: www-data may not write it"))
        fail_stage(s, "--check ended with %d and said: %s", status, said);
    own(s, s->db, "nobody", getpwnam("www-data")->pw_gid, 0666); /* whoever has it open */
    publish_row(s, "2");
    assert_int_equal(application_inserts(s), 0);
}

/* The group may write it, but the owner is not in that group. */
static void test_who_is_locked_out_by_a_group_that_is_not_its_own_is_told_at_once(void **state)
{
    struct stage *s = *state;
    int status = 0;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    start_beside_an_application(s, getpwnam("www-data")->pw_gid, 0660);
    publish_row(s, "1");
    await(s, log_count(s, "nobody owns ") > 0);
    assert_true(log_count(s, "what=log_files") > 0);
    const char *said = responder_check(s, "www-data", &status);
    if (status != 1 || !strstr(said, "give both accounts one group"))
        fail_stage(s, "--check ended with %d and said: %s", status, said);
}

static void test_a_log_with_two_names_is_told_by_check(void **state)
{
    struct stage *s = *state;
    char second[NAME_SIZE];
    int status = 0;
    chmod(s->db, 0660);
    snprintf(second, sizeof second, "%s/second.db", s->folder);
    assert_int_equal(link(s->db, second), 0);
    const char *said = responder_check(s, NULL, &status);
    if (status != 1 || !strstr(said, "1 other name"))
        fail_stage(s, "--check ended with %d and said: %s", status, said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_a_shm_that_is_removed_is_missed_by_nobody),
        scenario(test_a_wal_that_is_removed_takes_nothing_along),
        scenario(test_ids_that_are_given_again_after_a_loss_are_told),
        scenario(test_a_log_that_is_moved_away_and_back_is_the_same_log),
        scenario(test_a_folder_that_is_moved_away_and_back_is_the_same),
        scenario(test_a_copy_that_is_moved_into_place_is_not_mixed_with_the_old_log),
        scenario(test_the_sessions_shm_is_removed_and_all_know_all_sessions),
        scenario(test_a_shm_that_is_cut_to_nothing_costs_a_restart_and_no_row),
        scenario(test_an_application_is_not_locked_out_of_a_log_that_is_its_own_alone),
        scenario(test_who_is_locked_out_by_a_group_that_is_not_its_own_is_told_at_once),
        scenario(test_a_log_with_two_names_is_told_by_check),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
