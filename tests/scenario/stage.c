#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/browser.h"
#include "tests/scenario/scenario.h"

static const char *program(void)
{
    const char *p = getenv("ROWCAST_PROGRAM");
    return p ? p : "build/rowcast.fcgi";
}

bool stage_is_sanitized(void)
{
    const char *said = getenv("ROWCAST_SANITIZED");
    return said && *said;
}

void stage_raise_limits(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* Reports of the sanitizers go to files in the stage's folder, since lighttpd's child has no
 * stderr.  Apache and mod_cgi hand on no variables: theirs are in the web server's log.
 * stage_teardown looks for both. */
static void direct_reports(const struct stage *s)
{
    char options[256];
    snprintf(options, sizeof options, "log_path=%s/sanitizer", s->folder);
    setenv("ASAN_OPTIONS", options, 1);
    setenv("TSAN_OPTIONS", options, 1);
    snprintf(options, sizeof options, "log_path=%s/sanitizer:print_stacktrace=1", s->folder);
    setenv("UBSAN_OPTIONS", options, 1);
}

/* 127/8 is all ours: an address of each test process, so that ports need no luck. */
static void find_address(struct stage *s)
{
    static int used;
    unsigned pid = (unsigned)getpid();
    snprintf(s->host, sizeof s->host, "127.%u.%u.%u", 1 + ((pid >> 16) & 63), (pid >> 8) & 255,
             pid & 255);
    s->port = 20000 + used++;
}

int stage_setup(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    assert_non_null(s);
    *state = s;
    /* What lighttpd leaves behind becomes our child, and can be ended. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    if (!realpath(program(), s->program)) {
        print_error("%s is not built\n", program());
        return -1;
    }
    strcpy(s->folder, "/tmp/rowcast-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->db, sizeof s->db, "%s/rowcast.db", s->folder);
    snprintf(s->sessions, sizeof s->sessions, "%s/rowcast.db.sessions", s->folder);
    snprintf(s->log, sizeof s->log, "%s/rowcast.log", s->folder);
    snprintf(s->errors, sizeof s->errors, "%s/server.log", s->folder);
    find_address(s);
    direct_reports(s);
    shell(s, ".read sql/schema.sql");
    snprintf(s->epoch, sizeof s->epoch, "%s", shell(s, "SELECT epoch FROM rowcast_log"));
    s->epoch[8] = '\0';
    shell_set(s, "publish_token", TOKEN);
    shell_set(s, "retry", "200");
    return 0;
}

static void print_file(const char *title, const char *path)
{
    char text[6000];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, size > 5999 ? size - 5999 : 0, SEEK_SET);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    print_error("--- %s\n%s", title, text);
}

void stage_fail(struct stage *s, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    print_error("\n");
    print_file("responder", s->log);
    print_file("web server", s->errors);
    _fail(file, line);
    abort(); /* not reached: _fail jumps */
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type, (void)f;
    return remove(path);
}

/* A leak check that met a thread on its way out says so, and that is no report. */
static bool has_report(const char *path)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = strstr(line, "Sanitizer: ") || strstr(line, "runtime error: ");
    if (f)
        fclose(f);
    return found;
}

static int reports;

static int print_report(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st, (void)type;
    if (strncmp(path + f->base, "sanitizer", 9) == 0 && has_report(path)) {
        print_file(path, path);
        reports++;
    }
    return 0;
}

static void end_children(void)
{
    pid_t child[64];
    for (size_t n; (n = process_children(getpid(), child, 64)) > 0;) {
        for (size_t i = 0; i < n; i++)
            kill(child[i], SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        pause_ms(2);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* A process that was told to stop and does not is ended all the same, and said. */
static bool stopped(pid_t pid)
{
    int64_t until = now_ms() + PATIENCE;
    kill(pid, SIGCONT);
    kill(pid, SIGTERM);
    while (!process_ended(pid, NULL)) {
        if (now_ms() > until)
            return false;
        pause_ms(2);
    }
    return true;
}

int stage_teardown(void **state)
{
    struct stage *s = *state;
    bool fine = true;
    browsers_free(s);
    if (s->server && !stopped(s->server))
        fine = false;
    if (s->alone && !stopped(s->alone))
        fine = false;
    if (s->wrapper)
        kill(s->wrapper, SIGTERM);
    if (!fine)
        print_error("a server did not end on SIGTERM\n");
    end_children();
    reports = 0;
    nftw(s->folder, print_report, 8, FTW_PHYS);
    if (has_report(s->errors)) {
        print_file("web server", s->errors);
        reports++;
    }
    if (s->small[0])
        umount2(s->small, MNT_DETACH);
    nftw(s->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(s);
    return fine && reports == 0 ? 0 : -1;
}

/* An account may not see where the program was built. */
static void copy_program(struct stage *s)
{
    char copy[NAME_SIZE];
    int status = -1;
    snprintf(copy, sizeof copy, "%s/rowcast.fcgi", s->folder);
    if (strcmp(copy, s->program) == 0)
        return;
    const char *const cp[] = {"/bin/cp", s->program, copy, NULL};
    pid_t pid = process_start(cp, NULL, NULL, NULL);
    await(s, process_ended(pid, &status));
    assert_int_equal(status, 0);
    snprintf(s->program, sizeof s->program, "%s", copy);
}

void stage_give(struct stage *s, const char *path, const char *user)
{
    struct passwd *p = getpwnam(user);
    if (geteuid() == 0 && p && chown(path, p->pw_uid, p->pw_gid) && errno != ENOENT)
        fail_stage(s, "chown %s: %s", path, strerror(errno));
}

void stage_share_with(struct stage *s, const char *user)
{
    struct passwd *p = getpwnam(user);
    assert_non_null(p);
    const char *files[] = {s->folder, s->db, s->sessions, s->log, s->errors};
    int log = open(s->log, O_CREAT | O_WRONLY | O_CLOEXEC, 0660);
    if (log >= 0)
        close(log);
    chmod(s->folder, 02770);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (chown(files[i], p->pw_uid, p->pw_gid) && errno != ENOENT)
            fail_stage(s, "chown %s: %s", files[i], strerror(errno));
    copy_program(s);
}

bool stage_mount_small(struct stage *s, const char *size)
{
    char options[64];
    snprintf(options, sizeof options, "size=%s", size);
    if (s->small[0])
        return mount("tmpfs", s->small, "tmpfs", MS_REMOUNT, options) == 0;
    snprintf(s->small, sizeof s->small, "%s/small", s->folder);
    if (mkdir(s->small, 0700) == 0 && mount("tmpfs", s->small, "tmpfs", 0, options) == 0)
        return true;
    s->small[0] = '\0';
    return false;
}

void stage_fill_small(struct stage *s)
{
    static const char block[4096];
    char path[NAME_SIZE + 8];
    snprintf(path, sizeof path, "%s/filler", s->small);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}
