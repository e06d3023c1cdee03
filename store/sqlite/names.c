/* Repairing names, without opening a file.
 *
 * Only link(), rename() and unlink() are used.  Each is atomic and works on names, and each can
 * be overtaken by somebody who uses the same name.  So every repair looks first, does one thing,
 * and leaves it to the next look to find out whether it helped. */
#include "store/sqlite/names.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How old a folder's ctime has to be before it is believed. */
enum { FOLDER_SETTLED_MS = 100 };

void names_free(struct names *n)
{
    free(n->path);
    free(n->wal);
    free(n->shm);
    free(n->kept_wal);
    free(n->kept_shm);
    free(n->replaced);
    free(n->folder);
}

static char *name_of(const char *a, const char *b)
{
    char *out;
    return asprintf(&out, "%s%s", a, b) < 0 ? NULL : out;
}

static char *hidden_name(const char *folder, const char *base)
{
    char *out;
    return asprintf(&out, "%s/.%s", strcmp(folder, "/") == 0 ? "" : folder, base) < 0 ? NULL
                                                                                      : out;
}

static void name_all(struct names *n, const char *path, const char *folder, const char *base)
{
    char *hidden = hidden_name(folder, base);
    n->path = name_of(path, "");
    n->folder = name_of(folder, "");
    n->wal = name_of(path, "-wal");
    n->shm = name_of(path, "-shm");
    n->replaced = name_of(path, "-wal.replaced");
    n->kept_wal = hidden ? name_of(hidden, "-wal.kept") : NULL;
    n->kept_shm = hidden ? name_of(hidden, "-shm.kept") : NULL;
    free(hidden);
}

bool names_make(struct names *n, const char *path)
{
    char *copy = strdup(path), *folder = strdup(path);
    if (copy && folder)
        name_all(n, path, dirname(folder), basename(copy));
    free(copy);
    free(folder);
    return n->path && n->folder && n->wal && n->shm && n->replaced && n->kept_wal &&
           n->kept_shm;
}

/* Anything but a regular file (a container's runtime makes a folder at the path of a missing
 * file) is not another log: the log that was there is gone, and may come back. */
struct inode inode_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return (struct inode){0};
    return (struct inode){st.st_dev, st.st_ino};
}

bool inode_is_same(struct inode a, struct inode b)
{
    return a.number == b.number && a.device == b.device;
}

bool inode_is_there(struct inode i)
{
    return i.number != 0;
}

bool identity_is_same(const struct identity *a, const struct identity *b)
{
    return inode_is_same(a->file, b->file) && inode_is_same(a->wal, b->wal) &&
           inode_is_same(a->shm, b->shm);
}

/* link() never replaces a file, so if somebody just made a new one, that one stays.  If it failed
 * (also on a file system without hard links), the next look finds out. */
void names_give_back(struct inode had, struct inode has, const char *kept, const char *path)
{
    if (inode_is_there(had) && !inode_is_there(has) && inode_is_same(inode_at(kept), had))
        (void)link(kept, path);
}

void names_keep(struct inode have, const char *path, const char *kept)
{
    if (!inode_is_there(have) || inode_is_same(inode_at(kept), have))
        return;
    unlink(kept);
    (void)link(path, kept);
}

/* Two of our processes may do this at the same time.  Then the second moves the new -wal that the
 * first one's connection made, sees that, and gives it back. */
static void move_wal_aside(const struct names *n, struct inode wal)
{
    if (rename(n->wal, n->replaced) != 0)
        return;
    if (!inode_is_same(inode_at(n->replaced), wal))
        (void)link(n->replaced, n->wal);
}

/* SQLite must not take the old file's -wal or -shm for the new one's.  They are known by their
 * inodes, and the system gives the number of a deleted file to a new one: it is certain only
 * while we have the old one open, or while it has its second name. */
void names_separate(const struct names *n, const struct identity *had, bool is_open)
{
    struct identity now = names_look(n);
    if (!inode_is_there(now.file) || inode_is_same(now.file, had->file))
        return;
    if (inode_is_there(now.wal) && inode_is_same(now.wal, had->wal) &&
        (is_open || inode_is_same(inode_at(n->kept_wal), now.wal)))
        move_wal_aside(n, had->wal);
    if (inode_is_there(now.shm) && inode_is_same(now.shm, had->shm) &&
        (is_open || inode_is_same(inode_at(n->kept_shm), now.shm)))
        unlink(n->shm);
}

struct identity names_look(const struct names *n)
{
    return (struct identity){inode_at(n->path), inode_at(n->wal), inode_at(n->shm)};
}

struct folder folder_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct folder){0};
    return (struct folder){{st.st_dev, st.st_ino}, st.st_ctim};
}

bool folder_is_same(const struct folder *a, const struct folder *b)
{
    return inode_is_there(a->inode) && inode_is_same(a->inode, b->inode) &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* If the clock was set back, the ctime is in the future, and nothing is believed until the clock
 * passes it again. */
bool folder_is_settled(const struct folder *is)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    int64_t ms = (int64_t)(now.tv_sec - is->changed.tv_sec) * 1000 +
                 (now.tv_nsec - is->changed.tv_nsec) / 1000000;
    return ms >= FOLDER_SETTLED_MS;
}
