/* accept() alone could not be ended by a stop.  So a worker polls the listener together with
 * the stop descriptor, and accepts only when somebody waits.  Between the two, another worker
 * or process may take that client, which is no error.
 *
 * A failure of accept() is sorted by what would help: nothing (the listener is gone), another
 * try, descriptors that somebody gives back, or a pause, without which a lasting failure would
 * keep a core busy. */
#include "fcgi/request/accept.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fcgi/base/log.h"

enum { PAUSE_MS = 100, LISTENER_WAIT_US = 200 * 1000 };

static bool stopped(int stop_fd, int timeout_ms)
{
    struct pollfd p = {.fd = stop_fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

/* 0: a connection waits, or did; else what accept_wait returns. */
static int wait_for_client(int listener, int stop_fd)
{
    struct pollfd p[2] = {{.fd = stop_fd, .events = POLLIN},
                          {.fd = listener, .events = POLLIN}};
    for (;;) {
        int n = poll(p, 2, ACCEPT_IDLE_MS);
        if (n == 0)
            return ACCEPT_IDLE;
        if (n < 0 && errno != EINTR && stopped(stop_fd, PAUSE_MS))
            return ACCEPT_STOP;
        if (n > 0)
            return p[0].revents != 0 ? ACCEPT_STOP : 0;
    }
}

/* After accept() failed.  0: try again; else what accept_wait returns. */
static int after_failure(int error, int stop_fd)
{
    switch (error) {
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP: /* it no longer listens, which main notices as well (listener_lost) */
        return ACCEPT_STOP;
    case EAGAIN: /* somebody else took it, or it went away meanwhile */
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
        return 0;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ACCEPT_FULL;
    default: /* a rule of the system forbids it, say a firewall's */
        log_line(LOG_LEVEL_ERROR, "accept_failed", "why=\"%s\"", strerror(error));
    }
    return stopped(stop_fd, PAUSE_MS) ? ACCEPT_STOP : 0;
}

int accept_wait(int listener, int stop_fd)
{
    /* The listener may be blocking, and is not ours alone to change.  If another process took
     * the connection, this timeout ends the wait for the next one. */
    struct timeval t = {.tv_usec = LISTENER_WAIT_US};
    (void)setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    for (;;) {
        int none = wait_for_client(listener, stop_fd);
        if (none)
            return none;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        none = after_failure(errno, stop_fd);
        if (none)
            return none;
    }
}
