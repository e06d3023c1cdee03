/* The files of a log and its sessions are removed, moved and replaced under a store. */
#include "tests/unit/store_world.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "store/sqlite/database.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/file.h"
#include "store/sqlite/lease.h"
#include "store/sqlite/now.h"
#include "store/sqlite/sessions.h"

/* A shell command in the world's folder. */
__attribute__((format(printf, 2, 3))) static void run(struct world *w, const char *format, ...)
{
    char command[512], all[600];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(all, sizeof all, "cd %s && { %s; }", w->dir, command);
    if (system(all) != 0)
        fail_msg("failed: %s", all);
}

static void make_and_remove(struct world *w, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

/* As a program that opens the log only now sees it. */
static int64_t fresh_number(struct world *w, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(w->log_path, &db), SQLITE_OK);
    int64_t n = world_number(db, sql);
    sqlite3_close(db);
    return n;
}

static int64_t append(struct world *w)
{
    struct publication p = {.channel = "", .type = "n", .data = "x", .data_len = 1};
    char epoch[EPOCH_SIZE];
    int64_t id = 0;
    enum store_result r = store_append(w->store, &p, &id, epoch);
    if (r != STORE_OK)
        fail_msg("store_append gave %d: %s", r, store_why(w->store));
    return id;
}

static struct store_end end_of(struct world *w)
{
    struct store_end end;
    enum store_result r = store_where(w->store, &end);
    if (r != STORE_OK)
        fail_msg("store_where gave %d: %s", r, store_why(w->store));
    return end;
}

/* Only our store has them open, as a responder alone does. */
static void shells_close(struct world *w)
{
    sqlite3_close(w->log);
    sqlite3_close(w->sessions);
    w->log = w->sessions = NULL;
    end_of(w);
    store_rest(w->store);
}

/* What a thread that follows both files does. */
static void keep_names(struct world *w)
{
    file_keep(&sqlite_of(w->store)->log.hold);
    file_keep(&sqlite_of(w->store)->sessions.hold);
}

static void test_a_removed_wal_and_shm_get_their_names_back(void **state)
{
    struct world *w = *state;
    shells_close(w);
    append(w);
    struct store_end before = end_of(w);
    keep_names(w);
    run(w, "rm log-wal");
    assert_int_equal(append(w), 2);
    run(w, "rm log-shm");
    assert_int_equal(append(w), 3);
    run(w, "rm log-wal log-shm");
    assert_int_equal(append(w), 4);
    assert_string_equal(end_of(w).epoch, before.epoch);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 4);
}

static void test_without_its_shm_alone_a_log_loses_nothing(void **state)
{
    struct world *w = *state;
    shells_close(w);
    append(w);
    struct store_end before = end_of(w);
    run(w, "rm log-shm"); /* no second name was given yet */
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 1);
    assert_int_equal(append(w), 2);
    assert_string_equal(end_of(w).epoch, before.epoch);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 2);
}

/* Three rows, a copy, three more, and the copy is put back into the same file: no path changed. */
static struct store_end put_back_in_place(struct world *w)
{
    for (int i = 0; i < 3; i++)
        append(w);
    run(w, "sqlite3 log '.backup copy'");
    for (int i = 0; i < 3; i++)
        append(w);
    struct store_end before = end_of(w);
    assert_int_equal(before.last_id, 6);
    run(w, "sqlite3 log '.restore copy'");
    return before;
}

static void test_a_log_that_was_put_back_in_place_gets_another_epoch_before_a_look(void **state)
{
    struct world *w = *state;
    shells_close(w);
    struct store_end before = put_back_in_place(w), after = end_of(w);
    assert_int_equal(after.last_id, 3);
    assert_string_not_equal(after.epoch, before.epoch);
    assert_string_equal(end_of(w).epoch, after.epoch); /* once */
}

static void test_nothing_is_published_under_the_epoch_that_gave_the_id_before(void **state)
{
    struct world *w = *state;
    struct publication p = {.channel = "", .type = "n", .data = "x", .data_len = 1};
    char epoch[EPOCH_SIZE];
    int64_t id = 0;
    shells_close(w);
    struct store_end before = put_back_in_place(w);
    assert_int_equal(store_append(w->store, &p, &id, epoch), STORE_OK);
    assert_int_equal(id, 4);
    assert_string_not_equal(epoch, before.epoch);
    assert_string_equal(end_of(w).epoch, epoch);
}

static void test_a_link_that_leads_to_an_older_copy_leads_to_another_epoch(void **state)
{
    struct world *w = *state;
    char path[128];
    struct store *linked;
    struct store_end before, after;
    snprintf(path, sizeof path, "%s/link", w->dir);
    append(w);
    run(w, "sqlite3 log '.backup older' && ln -s log link");
    append(w);
    assert_int_equal(store_open(&linked, path), STORE_OK);
    assert_int_equal(store_where(linked, &before), STORE_OK);
    assert_int_equal(before.last_id, 2);
    run(w, "ln -sf older link");
    assert_int_equal(store_where(linked, &after), STORE_OK);
    assert_int_equal(after.last_id, 1);
    assert_string_not_equal(after.epoch, before.epoch);
    store_close(linked);
}

/* The ids were given again, up to where the log had been: only the epoch tells them apart. */
static void test_a_wal_that_is_lost_makes_another_epoch_whatever_the_ids_are(void **state)
{
    struct world *w = *state;
    const char *const what[] = {"rm log-wal log-shm", "rm log-wal",
                                "mv log-wal aside; rm log-shm"};
    shells_close(w);
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        append(w);
        struct store_end before = end_of(w);
        run(w, "%s", what[i]);
        run(w,
            "sqlite3 log \"INSERT INTO events(data) SELECT value FROM json_each('[1,2,3,4]')\" "
            "2>/dev/null || true");
        struct store_end after = end_of(w);
        assert_string_not_equal(after.epoch, before.epoch);
        assert_string_equal(end_of(w).epoch, after.epoch);
    }
}

static void test_a_second_store_waits_until_the_first_let_go(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct store_end end;
    shells_close(w);
    append(w);
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    run(w, "rm log-shm");
    run(w, "sqlite3 log \"INSERT INTO events(data) VALUES ('y')\"");
    assert_int_equal(store_where(w->store, &end), STORE_BUSY);
    assert_non_null(
        strstr(store_why(w->store), "waiting until all connections of this process"));
    store_rest(other);
    assert_int_equal(end_of(w).last_id, 2);
    assert_int_equal(store_where(other, &end), STORE_OK);
    assert_int_equal(end.last_id, 2);
    store_close(other);
}

static void *commit_late(void *shell)
{
    struct timespec longer_than_a_busy_timeout = {.tv_nsec = 400000000};
    nanosleep(&longer_than_a_busy_timeout, NULL);
    sqlite3_busy_timeout(shell, 10000); /* who waits looks into the file, too */
    return sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? shell : NULL;
}

/* As several processes do that start with a new log. */
static void test_a_log_that_another_makes_at_the_same_moment_is_waited_for(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct store_end end;
    sqlite3 *maker;
    char path[64];
    pthread_t thread;
    snprintf(path, sizeof path, "%s/fresh", w->dir);
    assert_int_equal(sqlite3_open(path, &maker), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(maker, "BEGIN IMMEDIATE; CREATE TABLE mine(x)", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, commit_late, maker), 0);
    assert_int_equal(store_open(&other, path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    void *committed;
    pthread_join(thread, &committed);
    assert_non_null(committed);
    sqlite3_close(maker);
    store_close(other);
}

static void test_a_log_that_was_moved_away_is_waited_for(void **state)
{
    struct world *w = *state;
    struct store_end end;
    shells_close(w);
    append(w);
    run(w, "mv log aside");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_where(w->store, &end), STORE_BUSY);
        assert_non_null(strstr(store_why(w->store), "is gone"));
    }
    run(w, "mv aside log");
    assert_int_equal(append(w), 2);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 2);
}

/* A container's runtime puts a folder where a file is missing. */
static void test_what_is_no_file_in_a_logs_place_takes_nothing_from_it(void **state)
{
    static const char *const things[] = {"mkdir log", "mkfifo log"};
    struct world *w = *state;
    struct store_end before, end;
    shells_close(w);
    append(w);
    before = end_of(w);
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        run(w, "mv log aside");
        run(w, "%s", things[i]);
        for (int j = 0; j < 3; j++)
            assert_int_not_equal(store_where(w->store, &end), STORE_OK);
        if (i == 0)
            assert_non_null(strstr(store_why(w->store), "directory"));
        run(w, "rm -r log && mv aside log");
        end = end_of(w);
        assert_string_equal(end.epoch, before.epoch);
        assert_int_equal(end.last_id, 1);
    }
    assert_int_equal(append(w), 2);
}

/* Not even a program that never had it open makes a new one beside the old -wal. */
static void test_a_wal_without_its_log_is_left_alone(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct store_end end;
    char path[64];
    append(w);
    run(w, "mkdir elsewhere && cp log-wal elsewhere/log-wal");
    snprintf(path, sizeof path, "%s/elsewhere/log", w->dir);
    assert_int_equal(store_open(&other, path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_BUSY);
    assert_non_null(strstr(store_why(other), "is gone, but not its -wal"));
    run(w, ": >elsewhere/log");
    assert_int_equal(store_where(other, &end), STORE_BUSY);
    assert_non_null(strstr(store_why(other), "is empty"));
    run(w, "cmp log-wal elsewhere/log-wal && cp log elsewhere/log");
    assert_int_equal(store_where(other, &end), STORE_OK);
    assert_int_equal(end.last_id, 1);
    store_close(other);
}

/* A backup, put in place by a rename and nothing else. */
static void test_a_copy_moved_into_place_is_not_mixed_with_the_old_wal(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        append(w);
    shells_close(w);
    run(w, "sqlite3 log \"VACUUM INTO 'copy'\" && cp copy original");
    for (int i = 0; i < 50; i++)
        append(w);
    struct store_end before = end_of(w);
    run(w, "mv copy log");
    struct store_end after = end_of(w);
    assert_int_equal(after.last_id, 3);
    assert_string_not_equal(after.epoch, before.epoch);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 3);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM pragma_quick_check WHERE "
                                     "quick_check <> 'ok'"),
                     0);
    assert_int_equal(append(w), 4);
    run(w, "test -s log-wal.replaced");
}

static void test_a_copy_in_rollback_mode_is_put_into_wal_mode(void **state)
{
    struct world *w = *state;
    shells_close(w);
    run(w, "sqlite3 log \"VACUUM INTO 'copy'\" && mv copy log");
    end_of(w);
    run(w, "test \"$(sqlite3 log 'PRAGMA journal_mode')\" = wal");
}

static void test_a_symbolic_link_and_the_path_are_one_log(void **state)
{
    struct world *w = *state;
    struct store *linked;
    char path[64];
    bool known = false;
    run(w, "ln -s log link && mkdir sub && ln -s ../link sub/twice");
    struct claim *c = world_claim_token(w, NULL);
    snprintf(path, sizeof path, "%s/sub/twice", w->dir);
    assert_int_equal(store_open(&linked, path), STORE_OK);
    assert_int_equal(sessions_known(sqlite_of(linked), c->session_id, &known), STORE_OK);
    assert_true(known);
    assert_int_equal(store_join(linked), STORE_OK);
    assert_int_equal(lease_number(sqlite_of(linked)), lease_number(sqlite_of(w->store)));
    store_close(linked);
    run(w, "test ! -e link.sessions && test ! -e link.leases && test -z \"$(ls sub | grep -v "
           "twice)\"");
}

static void test_a_link_that_leads_elsewhere_is_followed_with_its_sessions(void **state)
{
    struct world *w = *state;
    struct store *linked;
    struct store_end first, second;
    char path[64];
    int64_t ids[1];
    size_t n;
    snprintf(path, sizeof path, "%s/link", w->dir);
    run(w, "ln -s log link && sqlite3 other <$OLDPWD/sql/schema.sql >/dev/null");
    assert_int_equal(store_open(&linked, path), STORE_OK);
    assert_int_equal(store_join(linked), STORE_OK);
    assert_int_equal(store_where(linked, &first), STORE_OK);
    run(w, "ln -sfn other link");
    assert_int_equal(store_where(linked, &second), STORE_OK);
    assert_string_not_equal(first.epoch, second.epoch);
    assert_int_equal(store_beat(linked, ids, 1, &n), STORE_OK);
    assert_true(lease_number(sqlite_of(linked)) > 0);
    run(w, "test -e other.sessions && test -e other.leases");
    store_close(linked);
}

/* The folder appears only later, and as a link. */
static void test_a_folder_that_comes_later_is_followed(void **state)
{
    struct world *w = *state;
    struct store *later;
    struct store_end end;
    char path[64];
    snprintf(path, sizeof path, "%s/later/log", w->dir);
    assert_int_equal(store_open(&later, path), STORE_OK);
    assert_int_equal(store_where(later, &end), STORE_IO);
    run(w, "mkdir real && ln -s real later");
    assert_int_equal(store_where(later, &end), STORE_OK);
    run(w, "test -s real/log-wal");
    store_close(later);
}

/* Whoever may write the folder could choose what is in them, and so who may come back. */
static void test_sessions_that_another_may_have_made_are_not_used(void **state)
{
    struct world *w = *state;
    const char *const what[] = {
        "mv log.sessions x; ln -s x log.sessions",
        "ln log.sessions second",
        "mkfifo f; mv f log.sessions",
        "mv log.sessions-wal y; ln -s y log.sessions-wal",
    };
    struct store *other;
    bool known;
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        char path[64];
        run(w, "rm -rf a && mkdir a");
        snprintf(path, sizeof path, "%s/a/log", w->dir);
        assert_int_equal(store_open(&other, path), STORE_OK);
        assert_int_equal(sessions_known(sqlite_of(other), "x", &known), STORE_OK);
        store_close(other);
        run(w, "cd a && touch log.sessions-wal && %s", what[i]);
        assert_int_equal(store_open(&other, path), STORE_OK);
        if (sessions_known(sqlite_of(other), "x", &known) != STORE_READONLY)
            fail_msg("used: %s", what[i]);
        assert_non_null(strstr(store_why(other), "is not used"));
        store_close(other);
    }
}

static char noticed[1024];

static void note(enum store_notice what, const char *sentence)
{
    assert_int_equal(what, STORE_NOTICE_FILES);
    snprintf(noticed, sizeof noticed, "%s", sentence);
}

static void test_leases_that_another_may_have_made_are_not_used(void **state)
{
    struct world *w = *state;
    struct store *other;
    char path[64];
    store_notices(note);
    run(w, "mkdir a && touch x && ln -s ../x a/log.leases");
    snprintf(path, sizeof path, "%s/a/log", w->dir);
    assert_int_equal(store_open(&other, path), STORE_OK);
    assert_int_equal(store_join(other), STORE_IO);
    run(w, "rm a/log.leases && ln x a/log.leases");
    assert_int_equal(store_join(other), STORE_IO);
    assert_non_null(strstr(noticed, "log.leases is not used"));
    run(w, "rm a/log.leases");
    assert_int_equal(store_join(other), STORE_OK);
    store_close(other);
    store_notices(NULL);
}

static void test_a_log_with_two_names_is_told(void **state)
{
    struct world *w = *state;
    struct store *other;
    struct store_end end;
    store_notices(note);
    noticed[0] = '\0';
    run(w, "ln log second");
    assert_int_equal(store_open(&other, w->log_path), STORE_OK);
    assert_int_equal(store_where(other, &end), STORE_OK);
    assert_non_null(strstr(noticed, "has 1 other name"));
    store_close(other);
    store_notices(NULL);
}

/* A bookmark may have been in it: who comes back is told that the session is gone, instead of
 * beginning at the end without a word. */
static void test_sessions_without_their_wal_are_forgotten(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    struct claim *c = world_claim_token(w, NULL);
    memcpy(token, c->token, sizeof token);
    shells_close(w);
    int64_t ids[8];
    size_t n;
    run(w, "rm -f log.sessions-wal log.sessions-shm .log.sessions-*");
    assert_int_equal(store_beat(w->store, ids, 8, &n), STORE_OK);
    c = world_claim_token(w, token);
    assert_false(c->reconnection);
    assert_int_equal(c->saved, STORE_OK);
}

/* Of an account that is in two groups, the first its own. */
static int open_as_another(const char *path, gid_t second)
{
    struct store *other;
    struct store_end end;
    gid_t groups[] = {second};
    if (setgroups(1, groups) || setgid(65534) || setuid(65534) ||
        store_open(&other, path) != STORE_OK)
        return 1;
    return store_where(other, &end) == STORE_OK ? 0 : 2;
}

static void test_what_is_made_beside_a_log_gets_its_group(void **state)
{
    struct world *w = *state;
    const char *const all[] = {"-wal", "-shm"};
    char path[64], name[80];
    struct stat st;
    int status = -1;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    run(w, "chmod 755 . && mkdir shared && chmod 777 shared && "
           "sqlite3 shared/log <$OLDPWD/sql/schema.sql >/dev/null && chmod 660 shared/log && "
           "chown 12345:23456 shared/log");
    snprintf(path, sizeof path, "%s/shared/log", w->dir);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(open_as_another(path, 23456));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", path, all[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_gid, 23456);
        assert_int_equal(st.st_mode & 0777, 0660);
    }
}

static void test_sessions_without_their_shm_are_known_all_the_same(void **state)
{
    struct world *w = *state;
    char token[SESSION_TOKEN_SIZE];
    struct claim *c = world_claim_token(w, NULL);
    memcpy(token, c->token, sizeof token);
    shells_close(w);
    run(w, "rm log.sessions-shm && sqlite3 log.sessions 'SELECT 1 FROM sessions' >/dev/null");
    c = world_claim_token(w, token);
    assert_true(c->reconnection);
}

/* Until the folder's word is taken for its files: a moment after it last changed. */
static void believe_the_folder(struct world *w)
{
    int64_t until = now_monotonic_ms() + 10000;
    while (end_of(w).last_id >= 0 && sqlite_of(w->store)->log.hold.folder.inode.number == 0)
        assert_true(now_monotonic_ms() < until);
}

/* (How fast this runs decides nothing: what is believed has to be old by then.) */
static void test_a_folder_that_just_changed_is_not_believed(void **state)
{
    struct world *w = *state;
    const struct folder *believed = &sqlite_of(w->store)->log.hold.folder;
    struct timespec now;
    shells_close(w);
    append(w);
    for (int i = 0; i < 20; i++) {
        make_and_remove(w, "other");
        end_of(w);
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t age_ms = (now.tv_sec - believed->changed.tv_sec) * 1000 +
                         (now.tv_nsec - believed->changed.tv_nsec) / 1000000;
        assert_true(believed->inode.number == 0 || age_ms >= 100);
        believe_the_folder(w);
    }
}

/* Two changes within one tick of the clock leave the folder the same ctime: what was seen
 * between them must not be believed. */
static void test_changes_that_follow_each_other_closely_are_all_seen(void **state)
{
    struct world *w = *state;
    char wal[64];
    snprintf(wal, sizeof wal, "%s-wal", w->log_path);
    shells_close(w);
    append(w);
    keep_names(w);
    for (int i = 0; i < 50; i++) {
        make_and_remove(w, "other");
        end_of(w);
        assert_int_equal(unlink(wal), 0);
        end_of(w);
        assert_int_equal(access(wal, F_OK), 0);
    }
}

static void test_files_of_a_folder_that_was_long_quiet_are_missed_at_once(void **state)
{
    struct world *w = *state;
    shells_close(w);
    append(w);
    keep_names(w);
    struct store_end before = end_of(w);
    believe_the_folder(w);
    run(w, "rm log-wal");
    assert_int_equal(append(w), 2);
    believe_the_folder(w);
    run(w, "rm log-shm");
    assert_int_equal(append(w), 3);
    assert_string_equal(end_of(w).epoch, before.epoch);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 3);
    believe_the_folder(w);
    run(w, "sqlite3 log '.backup copy' && mv copy log");
    assert_int_equal(append(w), 4);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 4);
}

static void test_a_folder_in_the_place_of_another_is_seen_at_once(void **state)
{
    struct world *w = *state;
    shells_close(w);
    append(w);
    struct store_end before = end_of(w);
    believe_the_folder(w);
    run(w, "mkdir ../$$ && sqlite3 log '.backup new' && sqlite3 new 'DELETE FROM events' && "
           "d=$(pwd) && mv new ../$$/log && mv $d $d.old && mv ../$$ $d && rm -r $d.old");
    struct store_end after = end_of(w);
    assert_string_not_equal(after.epoch, "");
    assert_int_equal(after.last_id, before.last_id);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 0);
    assert_int_equal(append(w), 2);
    assert_int_equal(fresh_number(w, "SELECT count(*) FROM events"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_removed_wal_and_shm_get_their_names_back),
        TEST(test_without_its_shm_alone_a_log_loses_nothing),
        TEST(test_a_log_that_was_put_back_in_place_gets_another_epoch_before_a_look),
        TEST(test_nothing_is_published_under_the_epoch_that_gave_the_id_before),
        TEST(test_a_link_that_leads_to_an_older_copy_leads_to_another_epoch),
        TEST(test_a_wal_that_is_lost_makes_another_epoch_whatever_the_ids_are),
        TEST(test_a_second_store_waits_until_the_first_let_go),
        TEST(test_a_log_that_another_makes_at_the_same_moment_is_waited_for),
        TEST(test_a_log_that_was_moved_away_is_waited_for),
        TEST(test_what_is_no_file_in_a_logs_place_takes_nothing_from_it),
        TEST(test_a_wal_without_its_log_is_left_alone),
        TEST(test_a_copy_moved_into_place_is_not_mixed_with_the_old_wal),
        TEST(test_a_copy_in_rollback_mode_is_put_into_wal_mode),
        TEST(test_a_symbolic_link_and_the_path_are_one_log),
        TEST(test_a_link_that_leads_elsewhere_is_followed_with_its_sessions),
        TEST(test_a_folder_that_comes_later_is_followed),
        TEST(test_sessions_that_another_may_have_made_are_not_used),
        TEST(test_leases_that_another_may_have_made_are_not_used),
        TEST(test_a_log_with_two_names_is_told),
        TEST(test_what_is_made_beside_a_log_gets_its_group),
        TEST(test_sessions_without_their_wal_are_forgotten),
        TEST(test_sessions_without_their_shm_are_known_all_the_same),
        TEST(test_a_folder_that_just_changed_is_not_believed),
        TEST(test_changes_that_follow_each_other_closely_are_all_seen),
        TEST(test_files_of_a_folder_that_was_long_quiet_are_missed_at_once),
        TEST(test_a_folder_in_the_place_of_another_is_seen_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
