/* One lock guards it all, and is held for a few instructions: workers ask once for each body,
 * the publisher once for each group.  The eventfd is written under the lock.  So a thread that
 * first says how many are held (publisher_room_holds) and then looks for room cannot miss
 * it. */
#include "fcgi/hub/publisher_room.h"

#include <sys/eventfd.h>

#include "fcgi/base/monotonic.h"
#include "store/store.h"

void publisher_room_open(struct publisher_room *r)
{
    *r = (struct publisher_room){.fd = -1};
    pthread_mutex_init(&r->lock, NULL);
}

void publisher_room_close(struct publisher_room *r)
{
    pthread_mutex_destroy(&r->lock);
}

static bool room_is_full(const struct publisher_room *r)
{
    return r->waiting >= PUBLISHER_WAITING || r->bytes >= PUBLISHER_WAITING_BYTES;
}

void publisher_room_enter(struct publisher_room *r, size_t bytes, int64_t since_ms)
{
    pthread_mutex_lock(&r->lock);
    if (r->waiting == 0)
        r->worked_at = since_ms;
    r->waiting++;
    r->bytes += bytes;
    pthread_mutex_unlock(&r->lock);
}

void publisher_room_leave(struct publisher_room *r, size_t count, size_t bytes, bool worked)
{
    pthread_mutex_lock(&r->lock);
    r->waiting -= count;
    r->bytes -= bytes;
    if (worked)
        r->worked_at = monotonic_ms();
    if (r->held > 0 && r->fd >= 0 && !room_is_full(r))
        eventfd_write(r->fd, 1);
    pthread_mutex_unlock(&r->lock);
}

bool publisher_room_admits(struct publisher_room *r, bool held)
{
    pthread_mutex_lock(&r->lock);
    bool yes = !room_is_full(r) && (held || r->held == 0);
    pthread_mutex_unlock(&r->lock);
    return yes;
}

void publisher_room_holds(struct publisher_room *r, size_t held, int fd)
{
    pthread_mutex_lock(&r->lock);
    r->held = held;
    r->fd = fd;
    pthread_mutex_unlock(&r->lock);
}

bool publisher_room_is_stuck(struct publisher_room *r)
{
    pthread_mutex_lock(&r->lock);
    bool yes = r->waiting > 0 && monotonic_ms() - r->worked_at >= STORE_PATIENCE_MS;
    pthread_mutex_unlock(&r->lock);
    return yes;
}
