/* A line must not wait, and how a write is kept from waiting differs between destinations.
 * O_NONBLOCK is a property of the open file, which is shared by all who inherited it: set on
 * the stderr that we were given, it would make the writes of our parent fail.  So a pipe or a
 * terminal is opened anew by /proc/self/fd where that is allowed.  Where it is not, it is
 * polled before each write: a pipe that is writable takes PIPE_BUF bytes, which is more than a
 * line has.  A socket has MSG_DONTWAIT for each single message.
 *
 * A line goes out by one write, at the end of the file (O_APPEND), so the lines of several
 * processes do not mix. */
#include "fcgi/base/log_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* How a line is written so that it does not wait. */
enum way {
    WAY_WRITE,  /* a file; or a pipe or terminal that is ours alone and does not block */
    WAY_POLL,   /* a pipe or terminal that others share: polled before each write */
    WAY_SEND,   /* a socket */
    WAY_SYSLOG, /* a socket that is connected again after the daemon was restarted */
};

/* The descriptor keeps its number when the destination is opened again, so a thread that is
 * about to write never finds it closed, or given to another file. */
static atomic_int fd = STDERR_FILENO;
static atomic_int way = WAY_POLL;
static atomic_bool torn;   /* the last line was cut off: the next one begins with a break */
static const char *wanted; /* a path; NULL: stderr */
static bool wants_syslog;  /* the path is that of the daemon's socket */
static bool opened;        /* what is wanted is open */
static bool missing;       /* the path led nowhere at the last look */

/* Send all further lines to `file`, which this takes over. */
static bool go_to(int file, enum way how)
{
    if (fd == STDERR_FILENO) {
        way = how;
        fd = file;
        return true;
    }
    /* In one step: another thread may be writing to `fd` at this moment, and writes to the old
     * file or the new one. */
    bool took = dup3(file, fd, O_CLOEXEC) >= 0;
    if (took)
        way = how;
    close(file);
    return took;
}

void out_stderr(void)
{
    struct stat st;
    int own;
    out_close();
    if (fstat(STDERR_FILENO, &st) != 0)
        return;
    if (S_ISREG(st.st_mode))
        way = WAY_WRITE;
    else if (S_ISSOCK(st.st_mode))
        way = WAY_SEND;
    else if ((own = open("/proc/self/fd/2",
                         O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) >= 0)
        go_to(own, WAY_WRITE);
}

/* O_NONBLOCK matters for a FIFO: without it, open() would wait for a reader. */
static bool open_file(void)
{
    int file =
        open(wanted, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    return file >= 0 && go_to(file, WAY_WRITE);
}

static bool connect_to_daemon(int s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(wanted) >= sizeof a.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(a.sun_path, wanted);
    return connect(s, (const struct sockaddr *)&a, sizeof a) == 0;
}

static bool open_syslog(void)
{
    int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return false;
    if (connect_to_daemon(s))
        return go_to(s, WAY_SYSLOG);
    int error = errno;
    close(s);
    errno = error;
    return false;
}

bool out_reopen(void)
{
    if (!wanted)
        return false;
    bool done = wants_syslog ? open_syslog() : open_file();
    missing = false;
    opened |= done;
    return done;
}

static bool want(const char *path, bool is_syslog)
{
    out_close();
    wanted = path;
    wants_syslog = is_syslog;
    if (out_reopen())
        return true;
    int error = errno;
    out_stderr();
    wanted = path;
    wants_syslog = is_syslog;
    errno = error;
    return false;
}

bool out_file(const char *path)
{
    return want(path, false);
}

bool out_syslog(const char *path)
{
    return want(path, true);
}

bool out_is_syslog(void)
{
    return way == WAY_SYSLOG;
}

static bool takes_a_line(void)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) > 0 && (p.revents & POLLOUT);
}

/* A daemon that was restarted has another socket, so a failed line is sent once more. */
static ssize_t send_to_daemon(const char *line, size_t len)
{
    ssize_t n = send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno == EAGAIN || errno == ENOBUFS || !connect_to_daemon(fd))
        return n;
    return send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t put(const char *line, size_t len)
{
    switch ((enum way)way) {
    case WAY_SYSLOG:
        return send_to_daemon(line, len - 1); /* a datagram needs no line break */
    case WAY_SEND:
        return send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    case WAY_POLL:
        return takes_a_line() ? write(fd, line, len) : -1;
    case WAY_WRITE:
        return write(fd, line, len);
    }
    return -1;
}

bool out_line(const char *line, size_t len)
{
    if (atomic_exchange(&torn, false) && put("\n", 1) < 0)
        atomic_store(&torn, true);
    ssize_t n = put(line, len);
    if (n > 0 && n < (ssize_t)len - 1)
        atomic_store(&torn, true);
    return n >= (ssize_t)len - 1;
}

/* Whether the path leads to the file that is open.  A file that is gone has until the next look
 * to come back (log_out.h). */
static bool is_followed(void)
{
    struct stat named, ours;
    if (stat(wanted, &named) == 0)
        return fstat(fd, &ours) == 0 && named.st_dev == ours.st_dev &&
               named.st_ino == ours.st_ino;
    bool waited = missing;
    missing = !waited;
    return !waited;
}

enum out_look out_look(void)
{
    if (!wanted || (opened && (wants_syslog || is_followed())))
        return OUT_SAME;
    return out_reopen() ? OUT_REOPENED : OUT_FAILED;
}

void out_close(void)
{
    if (fd != STDERR_FILENO)
        close(fd);
    fd = STDERR_FILENO;
    way = WAY_POLL;
    wanted = NULL;
    wants_syslog = opened = missing = false;
    atomic_store(&torn, false);
}
