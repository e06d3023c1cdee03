/* The lock is held from spare_accept to spare_back, while the client that was accepted is
 * answered.  There is only one spare, and if a worker took it back while another one still used
 * it, none would be left. */
#include "fcgi/hub/spare.h"

#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* An eventfd is the simplest descriptor to get: it needs no file system. */
static int take_one(void)
{
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void spare_open(struct spare *s)
{
    pthread_mutex_init(&s->lock, NULL);
    s->fd = take_one();
}

void spare_close(struct spare *s)
{
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_destroy(&s->lock);
}

int spare_accept(struct spare *s, int listener)
{
    pthread_mutex_lock(&s->lock);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        spare_back(s);
    return fd;
}

void spare_back(struct spare *s)
{
    s->fd = take_one(); /* if another thread was faster, the next call tries again */
    pthread_mutex_unlock(&s->lock);
}
