/* Wherever the disk is full, the result says so.  Here a limit of file size stands for the disk. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/log_world.h"

enum { STEP = 3000, MOST = 160 * 1024 };

struct files {
    char path[128];
    struct rlimit before;
};

static void limit(struct files *f, rlim_t bytes)
{
    struct rlimit few = f->before;
    few.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
}

static void unlink_beside(const struct files *f, const char *end)
{
    char path[160];
    snprintf(path, sizeof path, "%s%s", f->path, end);
    unlink(path);
}

static void unlink_all(const struct files *f)
{
    static const char *const ends[] = {"",        "-wal",          "-shm",         ".sessions",
                                       ".leases", ".sessions-wal", ".sessions-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        unlink_beside(f, ends[i]);
}

static void files_begin(struct files *f, const struct log_world *w)
{
    snprintf(f->path, sizeof f->path, "%s.other", w->path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &f->before), 0);
    signal(SIGXFSZ, SIG_IGN);
}

/* A look at the log, a publication, a lease.  0: all of it went well; 1: it was full; 2:
 * else. */
static int use_all(const struct files *f, rlim_t bytes)
{
    struct publication p = {.channel = "", .type = "a", .data = "x", .data_len = 1};
    struct store *s = NULL;
    struct store_end end;
    int64_t id;
    char epoch[EPOCH_SIZE];
    int worst = store_open(&s, f->path) == STORE_OK ? 0 : 2;
    for (int i = 0; i < 3 && worst < 2; i++) {
        enum store_result r = i == 0   ? store_where(s, &end)
                              : i == 1 ? store_append(s, &p, &id, epoch)
                                       : store_join(s);
        if (r == STORE_FULL && strstr(store_why(s), "full"))
            worst = 1;
        else if (r != STORE_OK)
            worst = 2;
        if (worst == 2)
            printf("with %d bytes call %d gave %d: %s\n", (int)bytes, i, r, store_why(s));
    }
    store_close(s);
    return worst;
}

/* In a process of its own, as after a restart.  True: all went well; else it was full. */
static bool use(struct files *f, rlim_t bytes)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        limit(f, bytes);
        int worst = use_all(f, bytes);
        fflush(stdout);
        _exit(worst);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 0, 1);
    return WEXITSTATUS(status) == 0;
}

static void test_new_files_are_full_at_whichever_byte_the_room_ends(void **state)
{
    struct files f;
    bool whole = false;
    files_begin(&f, *state);
    for (rlim_t bytes = 0; bytes < MOST; bytes += STEP) {
        unlink_all(&f);
        whole = use(&f, bytes);
    }
    assert_true(whole);
    unlink_all(&f);
}

/* As after a restart: the last one who closed them took -wal and -shm away. */
static void test_files_without_a_shm_are_full_where_none_can_be_made(void **state)
{
    static const char *const ends[] = {"-wal", "-shm", ".sessions-wal", ".sessions-shm"};
    struct files f;
    files_begin(&f, *state);
    assert_true(use(&f, f.before.rlim_cur));
    for (rlim_t bytes = 0; bytes < (rlim_t)(40 * 1024); bytes += STEP) {
        for (int i = 0; i < 4; i++)
            unlink_beside(&f, ends[i]);
        bool whole = use(&f, bytes);
        assert_true(bytes > 0 || !whole);
    }
    unlink_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_new_files_are_full_at_whichever_byte_the_room_ends),
        LOG_TEST(test_files_without_a_shm_are_full_where_none_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
