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

/* 0: a connection waits, or may; else what accept_wait is to return. */
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

/* After accept() failed: 0 to try again, or what accept_wait is to return. */
static int after_failure(int error, int stop_fd)
{
    switch (error) {
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP: /* it listens no more, which main sees as well (listener_lost) */
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
    default: /* a rule of the system is in the way */
        log_line(LOG_LEVEL_ERROR, "accept_failed", "why=\"%s\"", strerror(error));
    }
    return stopped(stop_fd, PAUSE_MS) ? ACCEPT_STOP : 0;
}

int accept_wait(int listener, int stop_fd)
{
    /* The listener may block (it is shared with processes that are not ours): where somebody
     * else took the connection, this ends the wait. */
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
