/* A stream's socket in the loop. */
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fcgi/hub/hub_internal.h"

/* The event that tells that the peer left.  mod_cgid gives a CGI program one socket for input
 * and output, and shuts down its side of it when the request's body is over, so there only the
 * hang-up of both sides counts.  libuv reports that along with any event that is watched, and
 * UV_PRIORITIZED never comes by itself. */
static int departure(const struct stream *s)
{
    return s->client.framing.kind == FRAMING_NONE ? UV_PRIORITIZED : UV_DISCONNECT;
}

static void on_socket(uv_poll_t *w, int status, int events);

/* The departure is always watched, UV_WRITABLE only while the socket is full: a socket with
 * room is writable all the time, and would keep the loop busy. */
void watch_for(struct stream *s, bool writable)
{
    if (s->watched)
        uv_poll_start(&s->watch, departure(s) | (writable ? UV_WRITABLE : 0), on_socket);
}

/* A peer that leaves in order has read all that was written except for what is still in our
 * socket, and the kernel tells how much that is.  A peer that closes before it has read
 * everything is reported as an error. */
static int64_t mark_of_departure(const struct stream *s, int status)
{
    struct hub *h = s->hub;
    int unread = 0;
    bool told = status == 0 && s->client.is_socket &&
                ioctl(s->client.fd, SIOCOUTQ, &unread) == 0 && unread == 0;
    return told ? mark_told(&s->mark, &h->log, clock_now(h))
                : mark_running(&s->mark, &h->log, clock_now(h));
}

static void on_socket(uv_poll_t *w, int status, int events)
{
    struct stream *s = w->data;
    if (status < 0 || (events & departure(s))) {
        int64_t received = mark_of_departure(s, status);
        client_say_end(&s->client);
        stream_close_at(s, received);
    } else if (events & UV_WRITABLE) {
        stream_pump(s);
    }
}

bool watch_begin(struct stream *s, int fd)
{
    int r = uv_poll_init(&s->hub->loop, &s->watch, fd);
    s->watch.data = s;
    s->watched = r == 0;
    return r == 0 || r == UV_EPERM; /* EPERM: a file or /dev/null; it is written blocking */
}

static void freed(uv_handle_t *w)
{
    free(w->data);
}

void watch_end(struct stream *s)
{
    if (s->watched)
        uv_close((uv_handle_t *)&s->watch, freed);
}
