#include "fcgi/base/descriptors.h"

#include <stdint.h>
#include <sys/resource.h>

/* KEPT is what the SQLite files, listener, pipes and log file of a busy process take.  MOST
 * stands for "unlimited", which getrlimit gives as the largest number there is.  USUAL is the
 * soft limit of nearly every system, for the case that it cannot be read. */
enum { KEPT = 64, KEPT_SHARE = 4, MOST = 1000000, USUAL = 1024 };

static size_t limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return USUAL;
    return l.rlim_cur > MOST ? MOST : (size_t)l.rlim_cur;
}

/* Under a low limit a quarter is kept instead of KEPT: with a limit of 64, keeping 64 would
 * leave no descriptor for a stream. */
static size_t usable(void)
{
    size_t all = limit(), share = all / KEPT_SHARE;
    return all - (share < KEPT ? share : KEPT);
}

void descriptors_raise(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

size_t descriptors_for_streams(void)
{
    return usable();
}

bool descriptors_suffice(int fd)
{
    return (size_t)fd < usable();
}

bool descriptors_are_few(void)
{
    return limit() < (size_t)KEPT * KEPT_SHARE;
}
