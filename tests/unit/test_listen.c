#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/process/listen.h"
#include "fcgi/base/log.h"

/* Descriptors that nobody has: so that 0 and 3 are free to be given. */
enum { KEPT = 40 };

struct place {
    char folder[64], path[96], log[96];
    struct listener listener;
    int kept[4]; /* what 0 to 3 were */
};

static int place_open(void **state)
{
    static struct place p;
    strcpy(p.folder, "/tmp/rowcast-XXXXXX");
    if (!mkdtemp(p.folder))
        return -1;
    snprintf(p.path, sizeof p.path, "%s/socket", p.folder);
    snprintf(p.log, sizeof p.log, "%s/log", p.folder);
    for (int fd = 0; fd < 4; fd++)
        p.kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, KEPT);
    if (p.kept[3] < 0)
        dup2(0, 3); /* lest the log takes it */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    p.listener.fd = -1;
    *state = &p;
    return log_open(p.log, LOG_LEVEL_INFO) ? 0 : -1;
}

static int place_close(void **state)
{
    struct place *p = *state;
    log_close();
    for (int fd = 0; fd < 4; fd++) {
        close(fd);
        if (p->kept[fd] < 0)
            continue;
        dup2(p->kept[fd], fd);
        close(p->kept[fd]);
    }
    unlink(p->log);
    unlink(p->path);
    return rmdir(p->folder);
}

static bool open_listener(struct place *p, const char *where, int mode, const char *owner)
{
    struct listener_wish w = {.where = where, .mode = mode, .owner = owner};
    return listener_open(&p->listener, &w);
}

static bool says(const struct place *p, const char *words)
{
    static char text[65536];
    FILE *f = fopen(p->log, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    return strstr(text, words);
}

static mode_t rights(const struct place *p)
{
    struct stat st;
    return lstat(p->path, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_mode & 07777 : 0;
}

static bool connects(const struct place *p)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", p->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return yes;
}

/* A listening socket as descriptor `fd`, its file p->path. */
static void give_listener(struct place *p, int fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", p->path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(made, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(made, 5), 0);
    assert_int_equal(dup2(made, fd), fd);
    close(made);
}

static void activate(pid_t pid, const char *fds)
{
    char text[16];
    snprintf(text, sizeof text, "%d", (int)pid);
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", fds, 1);
}

static void test_socket_file_is_made_and_removed(void **state)
{
    struct place *p = *state;
    mode_t mask = umask(027);
    assert_true(open_listener(p, p->path, -1, NULL));
    assert_int_equal(umask(mask), 027);
    assert_int_equal(rights(p), 0750);
    assert_true(connects(p));
    assert_true(fcntl(p->listener.fd, F_GETFD) & FD_CLOEXEC);
    listener_close(&p->listener);
    assert_int_equal(access(p->path, F_OK), -1);
}

static void test_mode_is_what_was_asked_for_whatever_the_umask(void **state)
{
    struct place *p = *state;
    mode_t mask = umask(077);
    assert_true(open_listener(p, p->path, 0666, NULL));
    umask(mask);
    assert_int_equal(rights(p), 0666);
    listener_close(&p->listener);
    mask = umask(0);
    assert_true(open_listener(p, p->path, 0600, NULL));
    umask(mask);
    assert_int_equal(rights(p), 0600);
    listener_close(&p->listener);
}

static void expect_owner(struct place *p, const char *owner, uid_t user, gid_t group)
{
    struct stat st;
    assert_true(open_listener(p, p->path, 0660, owner));
    assert_int_equal(lstat(p->path, &st), 0);
    assert_int_equal(st.st_uid, user);
    assert_int_equal(st.st_gid, group);
    assert_int_equal(rights(p), 0660);
    listener_close(&p->listener);
}

static void test_owner_is_who_was_asked_for(void **state)
{
    struct place *p = *state;
    char mine[64];
    snprintf(mine, sizeof mine, "%d:%d", (int)geteuid(), (int)getegid());
    expect_owner(p, mine, geteuid(), getegid());
    if (geteuid() != 0)
        skip(); /* the rest gives files away */
    const struct passwd *nobody = getpwnam("nobody");
    const struct group *daemons = getgrnam("daemon");
    assert_true(nobody && daemons);
    uid_t user = nobody->pw_uid;
    gid_t group = daemons->gr_gid;
    expect_owner(p, "nobody", user, getegid());
    expect_owner(p, "nobody:daemon", user, group);
    expect_owner(p, ":daemon", geteuid(), group);
    expect_owner(p, "12345:54321", 12345, 54321);
}

static void test_unknown_owner_is_refused_and_leaves_no_file(void **state)
{
    struct place *p = *state;
    static const char *const unknown[] = {"nobody-of-that-name", "root:", ":no-such-group",
                                          "-1"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_false(open_listener(p, p->path, 0666, unknown[i]));
        assert_int_equal(access(p->path, F_OK), -1);
    }
    assert_true(says(p, "there is no account nobody-of-that-name"));
}

static void test_socket_of_a_dead_process_is_replaced_and_of_a_living_one_is_not(void **state)
{
    struct place *p = *state;
    struct listener first;
    give_listener(p, KEPT - 1);
    assert_false(open_listener(p, p->path, -1, NULL));
    assert_true(connects(p));
    close(KEPT - 1); /* the file stays */
    assert_true(open_listener(p, p->path, -1, NULL));
    assert_true(connects(p));
    first = p->listener;
    unlink(p->path); /* somebody moved in */
    assert_true(open_listener(p, p->path, -1, NULL));
    listener_close(&first);
    assert_true(connects(p));
    listener_close(&p->listener);
    assert_int_equal(access(p->path, F_OK), -1);
}

/* A file that takes the number of ours, which was removed, is not ours. */
static void
test_file_of_another_is_never_removed_even_if_it_has_the_number_of_ours(void **state)
{
    struct place *p = *state;
    struct stat ours, theirs;
    assert_true(open_listener(p, p->path, -1, NULL));
    assert_int_equal(stat(p->path, &ours), 0);
    struct listener first = p->listener;
    assert_null(listener_lost(&first));
    unlink(p->path);
    assert_string_equal(listener_lost(&first), "the socket file was removed");
    assert_true(open_listener(p, p->path, -1, NULL));
    assert_int_equal(stat(p->path, &theirs), 0);
    assert_true(ours.st_ino != theirs.st_ino); /* it is held */
    listener_close(&first);
    assert_true(connects(p));
    listener_close(&p->listener);
}

static void test_a_directory_that_somebody_locks_does_not_keep_us_from_starting(void **state)
{
    struct place *p = *state;
    int lock = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_true(open_listener(p, p->path, -1, NULL)); /* after SOCKET_LOCK_MS */
    close(lock);
    assert_true(connects(p));
    listener_close(&p->listener);
}

/* What accept() says and what listener_lost says is one. */
static void test_a_listener_is_lost_when_it_takes_nobody_any_more(void **state)
{
    struct place *p = *state;
    static const int how[] = {SHUT_RD, SHUT_RDWR, SHUT_RD, SHUT_RDWR};
    for (int i = 0; i < 4; i++) {
        char port[16];
        /* Below those that the kernel hands out, and of this process alone. */
        snprintf(port, sizeof port, ":%d", 20000 + getpid() % 3000 * 4 + i);
        assert_true(open_listener(p, i < 2 ? p->path : port, -1, NULL));
        assert_null(listener_lost(&p->listener));
        assert_int_equal(shutdown(p->listener.fd, how[i]), 0);
        assert_string_equal(listener_lost(&p->listener), "the socket was shut down");
        assert_int_equal(accept(p->listener.fd, NULL, NULL), -1);
        assert_int_equal(errno, EINVAL);
        listener_close(&p->listener);
    }
}

static void test_inherited_descriptor_must_listen(void **state)
{
    struct place *p = *state;
    give_listener(p, 3);
    assert_true(open_listener(p, "fd:3", -1, NULL));
    assert_int_equal(p->listener.fd, 3);
    assert_true(fcntl(3, F_GETFD) & FD_CLOEXEC);
    listener_close(&p->listener);
    assert_int_equal(access(p->path, F_OK), 0); /* not ours to remove */
    assert_false(open_listener(p, "fd:3", -1, NULL));
    assert_true(says(p, "there is no such descriptor"));
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(file, 3), 3);
    if (file != 3)
        close(file);
    assert_false(open_listener(p, "fd:3", -1, NULL));
    assert_true(says(p, "this descriptor is not a listening socket"));
    assert_int_equal(fcntl(3, F_GETFD) < 0, 0); /* and is left alone */
    assert_false(open_listener(p, "fd:x", -1, NULL));
    assert_true(says(p, "fd: must be followed by the number of a descriptor"));
}

static void test_activation_gives_descriptor_3(void **state)
{
    struct place *p = *state;
    give_listener(p, 3);
    activate(getpid(), "1");
    assert_true(open_listener(p, NULL, -1, NULL));
    assert_int_equal(p->listener.fd, 3);
    listener_close(&p->listener);
    assert_int_equal(access(p->path, F_OK), 0);
    assert_false(open_listener(p, NULL, -1, NULL));
    assert_true(says(p, "where=\"LISTEN_FDS\" why=\"there is no such descriptor\""));
}

static void test_activation_of_another_process_is_not_ours(void **state)
{
    struct place *p = *state;
    give_listener(p, 3);
    activate(getppid(), "1");
    close(0);
    assert_true(open_listener(p, NULL, -1, NULL));
    assert_int_equal(p->listener.fd, -1);
}

static void test_several_activated_sockets_are_refused(void **state)
{
    struct place *p = *state;
    give_listener(p, 3);
    activate(getpid(), "2");
    assert_false(open_listener(p, NULL, -1, NULL));
    assert_true(says(p, "only one socket can be served, not several"));
    activate(getpid(), "many");
    assert_false(open_listener(p, NULL, -1, NULL));
}

static void test_listen_wins_over_activation(void **state)
{
    struct place *p = *state;
    activate(getpid(), "1");
    assert_true(open_listener(p, p->path, -1, NULL));
    assert_true(connects(p));
    assert_true(says(p, "what=activation_ignored"));
    listener_close(&p->listener);
}

static void test_descriptor_0_serves_if_it_listens(void **state)
{
    struct place *p = *state;
    give_listener(p, 0);
    assert_true(open_listener(p, NULL, -1, NULL));
    assert_int_equal(p->listener.fd, 0);
    listener_close(&p->listener);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    assert_true(open_listener(p, NULL, -1, NULL));
    assert_int_equal(p->listener.fd, -1);
}

static void test_ports_and_paths_that_can_not_be_are_refused(void **state)
{
    struct place *p = *state;
    static const char *const ports[] = {":0", ":65536", ":http", ":", ":-1"};
    char longer[200];
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        assert_false(open_listener(p, ports[i], -1, NULL));
    assert_true(says(p, "a port must be 1 to 65535"));
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(open_listener(p, longer, -1, NULL));
    assert_true(says(p, "the path is too long"));
    assert_false(open_listener(p, "/nowhere/at/all", -1, NULL));
    assert_true(says(p, "No such file or directory"));
}

#define placed(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        placed(test_socket_file_is_made_and_removed),
        placed(test_mode_is_what_was_asked_for_whatever_the_umask),
        placed(test_owner_is_who_was_asked_for),
        placed(test_unknown_owner_is_refused_and_leaves_no_file),
        placed(test_socket_of_a_dead_process_is_replaced_and_of_a_living_one_is_not),
        placed(test_file_of_another_is_never_removed_even_if_it_has_the_number_of_ours),
        placed(test_a_directory_that_somebody_locks_does_not_keep_us_from_starting),
        placed(test_a_listener_is_lost_when_it_takes_nobody_any_more),
        placed(test_inherited_descriptor_must_listen),
        placed(test_activation_gives_descriptor_3),
        placed(test_activation_of_another_process_is_not_ours),
        placed(test_several_activated_sockets_are_refused),
        placed(test_listen_wins_over_activation),
        placed(test_descriptor_0_serves_if_it_listens),
        placed(test_ports_and_paths_that_can_not_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
