/* The program is executed by the path with which the supervisor was started, and that path is
 * looked up each time.  A deploy replaces the file at the path, or the link, so the next
 * process runs the new program; /proc/self/exe would be the old one for ever.
 *
 * Options are handed on as arguments.  In the environment a process would take
 * ROWCAST_PROCESSES for itself, and supervise processes of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/process/supervisor_internal.h"

static bool program_refuse(const char *why)
{
    log_line(LOG_LEVEL_ERROR, "start_failed",
             "why=\"this program cannot find its own file: %s\"", why);
    return false;
}

/* `invoked` as an absolute path.  Links are not resolved, since a deploy may change a link. */
static bool absolute(char path[PATH_MAX], const char *invoked)
{
    size_t len = 0;
    if (*invoked != '/') {
        if (!getcwd(path, PATH_MAX))
            return false;
        len = strlen(path);
    }
    int n = snprintf(path + len, PATH_MAX - len, "%s%s", len ? "/" : "", invoked);
    return n > 0 && (size_t)n < PATH_MAX - len;
}

/* Whoever starts a program may give it any argv[0].  So it is believed only if it leads to the
 * program that runs. */
static bool find_path(char path[PATH_MAX], const char *invoked)
{
    struct stat running, named;
    if (stat("/proc/self/exe", &running) == 0 && invoked && strchr(invoked, '/') &&
        absolute(path, invoked) && stat(path, &named) == 0 && running.st_dev == named.st_dev &&
        running.st_ino == named.st_ino)
        return true;
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n < 0)
        return program_refuse(strerror(errno));
    path[n] = '\0';
    return true;
}

/* Whether a variable is for the supervisor alone, or is told to the processes by arguments. */
static bool is_ours(const char *variable)
{
    static const char *const names[] = {
        "ROWCAST_PROCESSES=",    "ROWCAST_LISTEN=",        "ROWCAST_SOCKET_MODE=",
        "ROWCAST_SOCKET_OWNER=", "ROWCAST_DRAIN_SECONDS=", "LISTEN_FDS=",
        "LISTEN_PID=",           "LISTEN_FDNAMES="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static char **environment(void)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **copy = calloc(n + 1, sizeof *copy);
    if (!copy)
        return NULL;
    n = 0;
    for (char **e = environ; *e; e++)
        if (!is_ours(*e))
            copy[n++] = *e;
    return copy;
}

bool program_find(struct program *p, const struct options *o, const char *invoked)
{
    if (!find_path(p->path, invoked))
        return false;
    p->environment = environment();
    if (!p->environment)
        return program_refuse("out of memory");
    snprintf(p->listener, sizeof p->listener, "fd:%d", CONTROL_LISTENER_FD);
    snprintf(p->control, sizeof p->control, "%d", CONTROL_FD);
    snprintf(p->drain_seconds, sizeof p->drain_seconds, "%d", o->drain_seconds);
    const char *const args[] = {p->path,
                                "--listen",
                                p->listener,
                                "--control",
                                p->control,
                                "--db",
                                o->db,
                                "--log-to",
                                o->log_to,
                                "--log-level",
                                log_level_word(o->log_level),
                                "--drain-seconds",
                                p->drain_seconds,
                                NULL};
    _Static_assert(sizeof args <= sizeof p->args, "all arguments");
    memcpy(p->args, args, sizeof args);
    return true;
}

void program_free(struct program *p)
{
    free(p->environment);
    p->environment = NULL;
}
