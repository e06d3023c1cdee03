/* The publisher answers hundreds of requests in a row, and one client that does not read must
 * not stop it.  Nearly every answer fits into the socket's buffer (some 200 KB; history alone
 * can be larger), so the list is nearly always empty.  That is why a list without an order, of
 * which each look visits all, is good enough. */
#include "fcgi/request/unsent.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/base/monotonic.h"

struct unsent_answer {
    struct unsent_answer *next;
    int fd;
    int64_t deadline; /* of monotonic_ms */
    size_t at;
    struct buffer bytes;
};

static atomic_size_t waiting; /* the room of all answers in all lists */

/* How many bytes the socket took; -1: the client is gone. */
static ssize_t unsent_take(int fd, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = send(fd, bytes + at, len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return (ssize_t)at;
}

/* True: this answer is written, or given up. */
static bool unsent_advance(struct unsent_answer *a)
{
    ssize_t taken = unsent_take(a->fd, a->bytes.bytes + a->at, a->bytes.len - a->at);
    /* Each byte that is taken is a sign of life, so a slow client is not a dead one. */
    if (taken > 0)
        a->deadline = monotonic_ms() + UNSENT_SECONDS * 1000;
    if (taken > 0)
        a->at += (size_t)taken;
    return taken < 0 || a->at == a->bytes.len || monotonic_ms() > a->deadline;
}

static void drop(struct unsent_answer **link)
{
    struct unsent_answer *a = *link;
    *link = a->next;
    close(a->fd);
    atomic_fetch_sub(&waiting, a->bytes.room);
    buffer_free(&a->bytes);
    free(a);
}

/* The memory for an answer that has to wait is asked for before the first byte is written, because
 * half of an answer would be worse than the 503 that can still be sent instead. */
bool unsent_send(struct unsent *u, int fd, struct buffer *bytes)
{
    struct unsent_answer *a = malloc(sizeof *a);
    if (!a)
        return false;
    *a = (struct unsent_answer){.next = u->first,
                                .fd = fd,
                                .deadline = monotonic_ms() + UNSENT_SECONDS * 1000,
                                .bytes = *bytes};
    *bytes = (struct buffer){0};
    atomic_fetch_add(&waiting, a->bytes.room);
    u->first = a;
    if (unsent_advance(a))
        drop(&u->first);
    return true;
}

void unsent_move(struct unsent *to, struct unsent *from)
{
    struct unsent_answer **last = &to->first;
    while (*last)
        last = &(*last)->next;
    *last = from->first;
    from->first = NULL;
}

size_t unsent_bytes(void)
{
    return atomic_load(&waiting);
}

size_t unsent_polled(const struct unsent *u, struct pollfd *out, size_t max)
{
    size_t n = 0;
    for (const struct unsent_answer *a = u->first; a && n < max; a = a->next)
        out[n++] = (struct pollfd){.fd = a->fd, .events = POLLOUT};
    return n;
}

void unsent_flush(struct unsent *u)
{
    for (struct unsent_answer **link = &u->first; *link;)
        if (unsent_advance(*link))
            drop(link);
        else
            link = &(*link)->next;
}

void unsent_close(struct unsent *u)
{
    unsent_flush(u);
    while (u->first)
        drop(&u->first);
}
