/* Two inotify watches: one on the -wal itself, for writes, and one on its folder, for names.  A
 * watch follows the inode, so one on a -wal that was replaced would stay silent for ever; the
 * folder's watch tells of the new one. */
#include "store/sqlite/watch.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

void watch_close(struct watch *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    free(w->path);
    w->path = NULL;
}

/* Writes are watched in the file itself.  A watch on the folder would also report those to the
 * sessions, at each stream that comes or goes.  If there is no -wal yet, this fails, and the
 * folder's watch reports it when it is made. */
static void watch_wal(struct watch *w)
{
    (void)inotify_add_watch(w->fd, w->path, IN_MODIFY);
}

void watch_open(struct watch *w, const char *wal_path)
{
    if (w->fd >= 0 && w->path && strcmp(w->path, wal_path) == 0)
        return;
    watch_close(w);
    w->path = strdup(wal_path);
    char *copy = strdup(wal_path);
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (!w->path || !copy || w->fd < 0 ||
        inotify_add_watch(w->fd, dirname(copy),
                          IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM) < 0) {
        if (w->fd >= 0)
            close(w->fd);
        w->fd = -1;
    } else {
        watch_wal(w);
    }
    free(copy);
}

/* Whether a name is that of the log, its -wal or its -shm; `wal_name` is "rowcast.db-wal". */
static bool is_of_the_log(const char *name, const char *wal_name)
{
    size_t n = strlen(wal_name) - strlen("-wal");
    return strncmp(name, wal_name, n) == 0 &&
           (!name[n] || strcmp(name + n, "-wal") == 0 || strcmp(name + n, "-shm") == 0);
}

/* True if the -wal was written (a report without a name comes from the file's own watch), or was
 * made anew.  IN_Q_OVERFLOW: reports were lost, and one of them may have been such.  Other files
 * of the folder come and go, too, and do not count. */
static bool watch_take(struct watch *w, const struct inotify_event *e, const char *wal_name)
{
    bool made =
        e->len && strcmp(e->name, wal_name) == 0 && (e->mask & (IN_CREATE | IN_MOVED_TO));
    if (made)
        watch_wal(w);
    w->moved |= e->len && is_of_the_log(e->name, wal_name);
    return made || (e->mask & (IN_MODIFY | IN_Q_OVERFLOW));
}

bool watch_fired(struct watch *w)
{
    _Alignas(struct inotify_event) char buffer[4096];
    const char *slash = strrchr(w->path, '/');
    bool fired = false;
    ssize_t n;
    while ((n = read(w->fd, buffer, sizeof buffer)) > 0)
        for (char *p = buffer; p < buffer + n;) {
            const struct inotify_event *e = (const void *)p;
            fired |= watch_take(w, e, slash ? slash + 1 : w->path);
            p += sizeof *e + e->len;
        }
    return fired;
}
