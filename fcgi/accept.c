/* What libfcgi 2.4.2 has to be guarded against (each was measured):
 *
 * - It accepts in a thread that nothing wakes, and a connection that sends BEGIN_REQUEST and no
 *   more holds its thread for ever.  So connections are accepted here and put into `ipcFd`
 *   beforehand, with SO_RCVTIMEO on them.  There is no listener behind it (-1), so a connection
 *   that is no FastCGI makes FCGX_Accept_r close it and fail.
 * - A read error within the parameters gives a request with some of them and success: only
 *   FCGX_GetError tells.
 * - On close it lingers two seconds for the other side, and two 8 KiB buffers stay with each
 *   request: the connection is taken away from it (`ipcFd` = -1) as soon as all was read, and
 *   always closed by us, also where the server wanted to keep it.
 * - EAGAIN loses data, so O_NONBLOCK must not be set before that. */
#include "fcgi/accept.h"

#include <errno.h>
#include <fcgiapp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/log.h"

enum { PAUSE_MS = 100, LISTENER_WAIT_US = 200 * 1000 };

bool accept_setup(void)
{
    return setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "1", 1) == 0 &&
           setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "1", 1) == 0 && FCGX_Init() == 0;
}

static void read_timeout(int fd, long seconds, long microseconds)
{
    struct timeval t = {.tv_sec = seconds, .tv_usec = microseconds};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

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

/* What to do after accept() failed. */
static bool may_go_on(int error, int stop_fd)
{
    switch (error) {
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        log_line(LOG_LEVEL_ERROR, "listener_lost", "errno=%d", error);
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return !stopped(stop_fd, PAUSE_MS);
    default: /* somebody else took it, or it went away meanwhile */
        return true;
    }
}

int accept_wait(int listener, int stop_fd)
{
    /* The listener may block (it is shared with processes that are not ours): where somebody
     * else took the connection, this ends the wait. */
    read_timeout(listener, 0, LISTENER_WAIT_US);
    for (;;) {
        int none = wait_for_client(listener, stop_fd);
        if (none)
            return none;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (!may_go_on(errno, stop_fd))
            return ACCEPT_STOP;
    }
}

static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Takes only what is in libfcgi's buffer, so that each step is one read at most and a body that
 * trickles in is given up in time. */
static bool read_body(struct request *r, FCGX_Stream *in, size_t body_max)
{
    time_t deadline = seconds_now() + ACCEPT_BODY_SECONDS;
    int c;

    while ((c = FCGX_GetChar(in)) != EOF) {
        char first = (char)c;
        if (!request_body(r, &first, 1, body_max) ||
            !request_body(r, (const char *)in->rdNext, (size_t)(in->stop - in->rdNext),
                          body_max))
            return false;
        in->rdNext = in->stop;
        if (seconds_now() > deadline)
            return false;
    }
    return FCGX_GetError(in) == 0;
}

bool accept_request(struct request *r, int fd, size_t body_max)
{
    FCGX_Request rq;
    int on = 1;

    read_timeout(fd, ACCEPT_READ_SECONDS, 0);
    /* A heartbeat must not wait for the acknowledgement of the event before it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    request_begin(r, -1, FRAMING_FASTCGI, 0);
    FCGX_InitRequest(&rq, -1, 0);
    rq.ipcFd = fd;
    rq.keepConnection = 1; /* else FCGX_Accept_r begins by closing it */
    if (FCGX_Accept_r(&rq) != 0) {
        FCGX_Free(&rq, 1);
        return false;
    }
    request_begin(r, fd, FRAMING_FASTCGI, (uint16_t)rq.requestId);
    bool whole = FCGX_GetError(rq.in) == 0 &&
                 request_variables(r, (const char *const *)rq.envp) &&
                 read_body(r, rq.in, body_max) && rq.ipcFd == fd;
    rq.ipcFd = -1;
    FCGX_Free(&rq, 0);
    read_timeout(fd, 0, 0);
    if (!whole)
        request_end(r);
    return whole;
}
