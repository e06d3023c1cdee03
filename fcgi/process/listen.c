#include "fcgi/process/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/base/log.h"

enum { BACKLOG = 4096, ACTIVATED = 3, NAME_MAX_BYTES = 256, LOCK_PAUSE_MS = 5 };

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
};

static bool listen_refuse(const char *where, const char *why)
{
    log_line(LOG_LEVEL_ERROR, "listen_failed", "where=\"%s\" why=\"%s\"", where, why);
    return false;
}

/* ---- a descriptor that we were given ----------------------------------------------- */

static bool listens(int fd)
{
    int yes = 0;
    socklen_t len = sizeof yes;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
}

/* Whole and not negative; -1: not a number. */
static int number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && n <= 0x7FFFFFFF ? (int)n : -1;
}

static bool take_over(struct listener *l, const char *where, int fd)
{
    if (fd < 0)
        return listen_refuse(where, "fd: wants the number of a descriptor");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return listen_refuse(where, "there is no such descriptor");
    if (!listens(fd))
        return listen_refuse(where, "this descriptor is not a listening socket");
    l->fd = fd;
    return true;
}

/* How many sockets systemd, or lighttpd as it does, has for this process. */
static int activated(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    return pid && fds && number(pid) == getpid() ? number(fds) : 0;
}

static bool take_given(struct listener *l)
{
    int n = activated();
    if (n > 1 || n < 0)
        return listen_refuse("LISTEN_FDS", "one socket can be served, not several");
    if (n == 1)
        return take_over(l, "LISTEN_FDS", ACTIVATED);
    if (listens(STDIN_FILENO))
        l->fd = STDIN_FILENO;
    return true;
}

/* ---- a socket of our own ----------------------------------------------------------- */

static bool port_address(union address *a, socklen_t *len, const char *port)
{
    int n = number(port);
    if (n < 1 || n > 65535)
        return false;
    a->in = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)n),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *len = sizeof a->in;
    return true;
}

static bool path_address(union address *a, socklen_t *len, const char *path)
{
    if (strlen(path) >= sizeof a->un.sun_path)
        return false;
    a->un = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->un.sun_path, path);
    *len = sizeof a->un;
    return true;
}

/* Who starts on a path looks whether somebody lives there, removes what is dead, binds and
 * listens.  Two that did so at once would each find the other's socket dead, and remove it; so
 * they take turns, by a lock of the directory, which leaves nothing behind.  -1: there can be
 * no lock, because we may not read the directory or somebody else keeps it; then go on
 * without. */
static int directory_lock(const char *path)
{
    struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    for (int ms = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; ms += LOCK_PAUSE_MS) {
        if (ms < LISTEN_LOCK_MS && (errno == EWOULDBLOCK || errno == EINTR)) {
            nanosleep(&pause, NULL);
            continue;
        }
        close(fd);
        fd = -1;
    }
    return fd;
}

static void directory_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* A process that was killed leaves its socket file; one that lives still answers on it, or has
 * more waiting than it takes (EAGAIN). */
static void remove_if_dead(const union address *a, socklen_t len, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, &a->any, len) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

static bool user_id(uid_t *out, const char *name)
{
    int n = number(name);
    const struct passwd *p = n < 0 ? getpwnam(name) : NULL;
    *out = p ? p->pw_uid : (uid_t)n;
    return p || n >= 0;
}

static bool group_id(gid_t *out, const char *name)
{
    int n = number(name);
    const struct group *g = n < 0 ? getgrnam(name) : NULL;
    *out = g ? g->gr_gid : (gid_t)n;
    return g || n >= 0;
}

/* USER, USER:GROUP or :GROUP; what is left out stays (-1).  False: no such account. */
static bool owner_ids(uid_t *user, gid_t *group, const char *owner)
{
    char name[NAME_MAX_BYTES];
    int len = snprintf(name, sizeof name, "%s", owner);
    char *colon = strchr(name, ':');
    *user = (uid_t)-1;
    *group = (gid_t)-1;
    if (len >= (int)sizeof name)
        return false;
    if (colon)
        *colon++ = '\0';
    return (!name[0] || user_id(user, name)) && (!colon || group_id(group, colon));
}

/* The file's rights, before anybody listens on it. */
static bool give_rights(const struct listener_wish *w, mode_t by_umask)
{
    uid_t user;
    gid_t group;
    char why[NAME_MAX_BYTES + 64];
    if (w->owner && !owner_ids(&user, &group, w->owner)) {
        snprintf(why, sizeof why, "--socket-owner: there is no account %s", w->owner);
        return listen_refuse(w->where, why);
    }
    if (w->owner && lchown(w->where, user, group) != 0) {
        snprintf(why, sizeof why, "--socket-owner %s: %s", w->owner, strerror(errno));
        return listen_refuse(w->where, why);
    }
    if (chmod(w->where, w->mode >= 0 ? (mode_t)w->mode : by_umask) != 0)
        return listen_refuse(w->where, strerror(errno));
    return true;
}

static bool bind_file(struct listener *l, const struct listener_wish *w, const union address *a,
                      socklen_t len)
{
    remove_if_dead(a, len, w->where);
    mode_t mask = umask(0177);
    int bound = bind(l->fd, &a->any, len), error = errno;
    umask(mask);
    if (bound != 0)
        return listen_refuse(w->where, error == EADDRINUSE
                                           ? "another process serves it, or it is no socket"
                                           : strerror(error));
    l->file = open(w->where, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (l->file < 0)
        return listen_refuse(w->where, strerror(errno));
    l->path = w->where;
    return give_rights(w, 0777 & ~mask);
}

static bool bind_port(const struct listener *l, const char *where, const union address *a,
                      socklen_t len)
{
    int yes = 1;
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    return bind(l->fd, &a->any, len) == 0 || listen_refuse(where, strerror(errno));
}

static bool bind_and_listen(struct listener *l, const struct listener_wish *w,
                            const union address *a, socklen_t len)
{
    bool is_port = a->any.sa_family == AF_INET;
    if (is_port ? !bind_port(l, w->where, a, len) : !bind_file(l, w, a, len))
        return false;
    return listen(l->fd, BACKLOG) == 0 || listen_refuse(w->where, strerror(errno));
}

static bool make(struct listener *l, const struct listener_wish *w)
{
    union address a;
    socklen_t len;
    bool is_port = *w->where == ':';
    if (is_port ? !port_address(&a, &len, w->where + 1) : !path_address(&a, &len, w->where))
        return listen_refuse(w->where,
                             is_port ? "a port is 1 to 65535" : "the path is too long");
    l->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return listen_refuse(w->where, strerror(errno));
    int lock = is_port ? -1 : directory_lock(w->where);
    bool made = bind_and_listen(l, w, &a, len);
    directory_unlock(lock);
    return made;
}

bool listener_open(struct listener *l, const struct listener_wish *w)
{
    *l = (struct listener){.fd = -1, .file = -1};
    if (!w->where)
        return take_given(l);
    if (activated() != 0)
        log_line(LOG_LEVEL_WARN, "activation_ignored",
                 "where=\"%s\" why=\"--listen wins over LISTEN_FDS\"", w->where);
    bool opened = strncmp(w->where, "fd:", 3) == 0
                      ? take_over(l, w->where, number(w->where + 3))
                      : make(l, w);
    if (!opened)
        listener_close(l);
    return opened;
}

/* Whether the file we made has no name any more; one that was moved still leads to us. */
static bool file_removed(const struct listener *l)
{
    struct stat st;
    return l->file >= 0 && fstat(l->file, &st) == 0 && st.st_nlink == 0;
}

const char *listener_lost(const struct listener *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) > 0 || !listens(l->fd))
        return "the socket was shut down";
    return file_removed(l) ? "the socket file was removed" : NULL;
}

static bool is_our_file(const struct listener *l)
{
    struct stat named, ours;
    return lstat(l->path, &named) == 0 && fstat(l->file, &ours) == 0 &&
           named.st_dev == ours.st_dev && named.st_ino == ours.st_ino;
}

void listener_close(struct listener *l)
{
    if (l->path && is_our_file(l))
        unlink(l->path);
    if (l->file >= 0)
        close(l->file);
    if (l->fd >= 0)
        close(l->fd);
    *l = (struct listener){.fd = -1, .file = -1};
}
