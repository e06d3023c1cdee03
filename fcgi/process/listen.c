/* A socket comes from one of two sources: it was given to us, or we make it.  One rule holds
 * for both: what is not a listening socket is refused at the start, with a sentence, because
 * later accept() would fail in the threads, again and again. */
#include "fcgi/process/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/base/number.h"
#include "fcgi/process/socket_file.h"

/* BACKLOG: all browsers come back at once after a restart; the kernel lowers it to somaxconn.
 * ACTIVATED: the first descriptor of socket activation (sd_listen_fds(3)). */
enum { BACKLOG = 4096, ACTIVATED = 3 };

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

/* A trial accept() would tell as well, but might take a client away from another process that
 * shares the socket. */
static bool listens(int fd)
{
    int yes = 0;
    socklen_t len = sizeof yes;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes;
}

/* -1: not a number. */
static int number(const char *text)
{
    int n;
    return number_read(&n, text, 10, 0, INT_MAX) ? n : -1;
}

static bool take_over(struct listener *l, const char *where, int fd)
{
    if (fd < 0)
        return listen_refuse(where, "fd: must be followed by the number of a descriptor");
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return listen_refuse(where, "there is no such descriptor");
    if (!listens(fd))
        return listen_refuse(where, "this descriptor is not a listening socket");
    l->fd = fd;
    return true;
}

/* How many sockets were given to this process by systemd, or by lighttpd in the same way.
 * LISTEN_PID tells whom they are for: children inherit the environment, too. */
static int activated(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    return pid && fds && number(pid) == getpid() ? number(fds) : 0;
}

static bool take_given(struct listener *l)
{
    int n = activated();
    if (n > 1 || n < 0)
        return listen_refuse("LISTEN_FDS", "only one socket can be served, not several");
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

static bool bind_file(struct listener *l, const struct listener_wish *w, const union address *a,
                      socklen_t len)
{
    char why[SOCKET_FILE_WHY_SIZE];
    socket_file_clear(w->where);
    /* The file is made for nobody but us.  Otherwise anybody whom the umask lets in could
     * connect between bind() and chmod(). */
    mode_t mask = umask(0177);
    int bound = bind(l->fd, &a->any, len), error = errno;
    umask(mask);
    if (bound != 0)
        return listen_refuse(w->where, error == EADDRINUSE
                                           ? "another process serves it, or it is not a socket"
                                           : strerror(error));
    l->file = open(w->where, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (l->file < 0)
        return listen_refuse(w->where, strerror(errno));
    l->path = w->where;
    mode_t mode = w->mode >= 0 ? (mode_t)w->mode : 0777 & ~mask;
    return socket_file_give(w->where, w->owner, mode, why) || listen_refuse(w->where, why);
}

static bool bind_port(const struct listener *l, const char *where, const union address *a,
                      socklen_t len)
{
    int yes = 1; /* else bind() fails while connections of the last process are in TIME_WAIT */
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
                             is_port ? "a port must be 1 to 65535" : "the path is too long");
    l->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return listen_refuse(w->where, strerror(errno));
    int lock = is_port ? -1 : socket_file_lock(w->where);
    bool made = bind_and_listen(l, w, &a, len);
    socket_file_unlock(lock);
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

const char *listener_lost(const struct listener *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) > 0 || !listens(l->fd))
        return "the socket was shut down";
    return l->file >= 0 && socket_file_is_removed(l->file) ? "the socket file was removed"
                                                           : NULL;
}

/* If the path leads to another file by now, that belongs to a process that came after us. */
void listener_close(struct listener *l)
{
    if (l->path && socket_file_is_at(l->file, l->path))
        unlink(l->path);
    if (l->file >= 0)
        close(l->file);
    if (l->fd >= 0)
        close(l->fd);
    *l = (struct listener){.fd = -1, .file = -1};
}
