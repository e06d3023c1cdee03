#include "store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/now.h"

/* How long who opens waits for the others; and how long for whoever changes the files: a
 * person's `mv copy rowcast.db; rm rowcast.db-wal rowcast.db-shm` must not hit files we just
 * made. */
enum { LEAVING_MS = 250, SETTLING_MS = 100 };

/* How old a folder's ctime has to be before it is believed, and for how long it is. */
enum { FOLDER_SETTLED_MS = 100, FOLDER_BELIEVED_MS = 1000 };

struct file {
    struct file *next;
    char *path, *wal, *shm, *kept_wal, *kept_shm, *replaced, *folder;
    atomic_uint generation;
    int open;    /* connections of this generation … */
    int leaving; /* … and those before it from `first_leaving` on, still open … */
    unsigned first_leaving;
    struct inode left;        /* … to this file: SQLite asks which file it is, not where */
    bool known;               /* `identity` is what the open ones have */
    bool used;                /* one was open at some time */
    bool robbed;              /* see file_is_robbed */
    bool vanished;            /* the file was gone when it was last looked at */
    bool wal_missed;          /* … and so was its -wal, which nobody deletes without it */
    struct identity identity; /* of the newest connection that opened */
    int64_t changed_at;       /* when the generation began; 0: with the process */
    int64_t gone_at;          /* when it was first missed; 0: it is not */
    struct store_end seen;    /* of the log */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_left;
static struct file *files;

static void set_up(void)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&one_left, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* ---- what is at a path ------------------------------------------------------------- */

/* What is no regular file (a container's runtime puts a folder where a file is missing) is not
 * another log: the one that was there is gone, and may come back. */
static struct inode inode_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return (struct inode){0};
    return (struct inode){st.st_dev, st.st_ino};
}

static bool is_same(struct inode a, struct inode b)
{
    return a.number == b.number && a.device == b.device;
}

static bool is_there(struct inode i)
{
    return i.number != 0;
}

static bool is_all_the_same(const struct identity *a, const struct identity *b)
{
    return is_same(a->file, b->file) && is_same(a->wal, b->wal) && is_same(a->shm, b->shm);
}

struct identity file_look(const struct file *f)
{
    return (struct identity){inode_at(f->path), inode_at(f->wal), inode_at(f->shm)};
}

static struct folder folder_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct folder){0};
    return (struct folder){{st.st_dev, st.st_ino}, st.st_ctim};
}

static bool is_same_folder(const struct folder *a, const struct folder *b)
{
    return is_there(a->inode) && is_same(a->inode, b->inode) &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Whether what is done to the folder from now on gets another ctime.  Of a clock that was set
 * back it is not known, until it passes the ctime again. */
static bool is_settled(const struct folder *is)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    int64_t ms = (int64_t)(now.tv_sec - is->changed.tv_sec) * 1000 +
                 (now.tv_nsec - is->changed.tv_nsec) / 1000000;
    return ms >= FOLDER_SETTLED_MS;
}

/* Where link() can do nothing (somebody made a new file, the file system has no such links) the
 * next look says so. */
static void file_give_back(struct inode had, struct inode has, const char *kept,
                           const char *path)
{
    if (is_there(had) && !is_there(has) && is_same(inode_at(kept), had))
        (void)link(kept, path);
}

static void file_keep_open(struct inode have, const char *path, const char *kept)
{
    if (!is_there(have) || is_same(inode_at(kept), have))
        return;
    unlink(kept);
    (void)link(path, kept);
}

bool file_has_second_name(const struct file *f, const struct stat *st)
{
    struct inode i = {st->st_dev, st->st_ino};
    return is_same(inode_at(f->kept_wal), i) || is_same(inode_at(f->kept_shm), i);
}

void file_keep(const struct hold *h)
{
    if (h->generation == 0 || file_is_outdated(h))
        return;
    file_keep_open(h->identity.wal, h->file->wal, h->file->kept_wal);
    file_keep_open(h->identity.shm, h->file->shm, h->file->kept_shm);
}

/* Two processes of ours may both be about to do it: then the second has taken the first one's
 * new -wal, sees that, and gives it back. */
static void move_wal_aside(const struct file *f, struct inode wal)
{
    if (rename(f->wal, f->replaced) != 0)
        return;
    if (!is_same(inode_at(f->replaced), wal))
        (void)link(f->replaced, f->wal);
}

/* Another file is in the place of the one that is, or was, open: what is left of that one must
 * not be taken for the new one's.  Only sure while the inode cannot be another's: we have it
 * open, or a second name of it. */
static void separate(const struct file *f, const struct identity *had, bool is_open)
{
    struct identity now = file_look(f);
    if (!is_there(now.file) || is_same(now.file, had->file))
        return;
    if (is_there(now.wal) && is_same(now.wal, had->wal) &&
        (is_open || is_same(inode_at(f->kept_wal), now.wal)))
        move_wal_aside(f, had->wal);
    if (is_there(now.shm) && is_same(now.shm, had->shm) &&
        (is_open || is_same(inode_at(f->kept_shm), now.shm)))
        unlink(f->shm);
}

/* ---- the register ------------------------------------------------------------------ */

static void file_free(struct file *f)
{
    free(f->path);
    free(f->wal);
    free(f->shm);
    free(f->kept_wal);
    free(f->kept_shm);
    free(f->replaced);
    free(f->folder);
    free(f);
}

static char *name(const char *a, const char *b)
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

static struct file *file_new(const char *path)
{
    struct file *f = calloc(1, sizeof *f);
    char *copy = strdup(path), *folder = strdup(path);
    if (f && copy && folder) {
        const char *base = basename(copy), *dir = dirname(folder);
        char *hidden = hidden_name(dir, base);
        f->path = name(path, "");
        f->folder = name(dir, "");
        f->wal = name(path, "-wal");
        f->shm = name(path, "-shm");
        f->replaced = name(path, "-wal.replaced");
        f->kept_wal = hidden ? name(hidden, "-wal.kept") : NULL;
        f->kept_shm = hidden ? name(hidden, "-shm.kept") : NULL;
        free(hidden);
        atomic_init(&f->generation, 1);
    }
    free(copy);
    free(folder);
    if (f && f->path && f->folder && f->wal && f->shm && f->replaced && f->kept_wal &&
        f->kept_shm)
        return f;
    if (f)
        file_free(f);
    return NULL;
}

struct file *file_of(const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    struct file *f = files;
    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    if (!f && (f = file_new(path)) != NULL) {
        f->next = files;
        files = f;
    }
    pthread_mutex_unlock(&lock);
    return f;
}

/* The first who sees it, and still has the old files open, finds out what happened.  Called
 * with the lock held. */
static void changed(struct file *f, const struct identity *had, const struct identity *now)
{
    f->vanished = !is_there(now->file);
    if (is_there(had->wal) && is_same(now->file, had->file) && !is_same(now->wal, had->wal))
        f->robbed = true;
    separate(f, had, true);
    if (!is_same(f->left, had->file)) {
        f->left = had->file;
        f->leaving = 0;
        f->first_leaving = atomic_load(&f->generation);
    }
    f->leaving += f->open;
    f->open = 0;
    f->known = false;
    f->changed_at = now_monotonic_ms();
    atomic_fetch_add(&f->generation, 1);
}

bool file_is_outdated(const struct hold *h)
{
    return h->generation != 0 && h->generation != atomic_load(&h->file->generation);
}

/* `folder` was read before the three: what is done to it since has another ctime. */
static void believe(struct hold *h, const struct folder *folder)
{
    if (!is_settled(folder))
        return;
    h->folder = *folder;
    h->looked_at = now_monotonic_ms();
}

bool file_is_current(struct hold *h)
{
    struct file *f = h->file;
    if (h->generation == 0 || file_is_outdated(h))
        return false;
    struct folder folder = folder_at(f->folder);
    if (is_same_folder(&h->folder, &folder) &&
        now_monotonic_ms() - h->looked_at < FOLDER_BELIEVED_MS)
        return true;
    h->folder = (struct folder){0};
    struct identity now = file_look(f);
    if (is_all_the_same(&now, &h->identity)) {
        believe(h, &folder);
        return true;
    }
    if (is_same(now.file, h->identity.file)) {
        file_give_back(h->identity.wal, now.wal, f->kept_wal, f->wal);
        file_give_back(h->identity.shm, now.shm, f->kept_shm, f->shm);
    }
    pthread_mutex_lock(&lock);
    now = file_look(f);
    bool is = is_all_the_same(&now, &h->identity);
    if (!is && !file_is_outdated(h))
        changed(f, &h->identity, &now);
    is = is && !file_is_outdated(h);
    pthread_mutex_unlock(&lock);
    return is;
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno == ENOENT;
}

bool file_is_writable(const struct file *f)
{
    return may_write(f->path) && may_write(f->wal) && may_write(f->shm);
}

void file_outdate(const struct hold *h)
{
    pthread_mutex_lock(&lock);
    if (h->generation != 0 && !file_is_outdated(h))
        changed(h->file, &h->identity, &h->identity);
    pthread_mutex_unlock(&lock);
}

/* Called with the lock held. */
static void file_enter_hold(struct hold *h, struct file *f)
{
    if (f->used)
        separate(f, &f->identity, false);
    struct identity now = file_look(f);
    if (f->vanished && f->wal_missed && is_there(f->identity.wal) &&
        is_same(now.file, f->identity.file) && !is_same(now.wal, f->identity.wal))
        f->robbed = true; /* it came back without its -wal */
    f->open++;
    *h = (struct hold){.file = f, .generation = atomic_load(&f->generation)};
    h->identity = now; /* as it was before; file_entered compares */
}

static bool is_being_left(const struct file *f)
{
    return f->leaving > 0 && is_same(inode_at(f->path), f->left);
}

/* Wait until then, or until somebody left. */
static void wait_until(int64_t ms)
{
    struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    pthread_cond_timedwait(&one_left, &lock, &until);
}

bool file_enter(struct hold *h, struct file *f)
{
    pthread_mutex_lock(&lock);
    int64_t now = now_monotonic_ms(), deadline = now + LEAVING_MS, settled;
    for (;; now = now_monotonic_ms()) {
        settled = f->changed_at ? f->changed_at + SETTLING_MS : 0;
        if (now >= deadline || (now >= settled && !is_being_left(f)))
            break;
        wait_until(now < settled && settled < deadline ? settled : deadline);
    }
    bool may = !is_being_left(f);
    if (may)
        file_enter_hold(h, f);
    pthread_mutex_unlock(&lock);
    return may;
}

/* A file that was there before it was opened must be the one that is there now; one that was
 * made by the opening is taken for ours. */
static bool is_kept(struct inode before, struct inode after)
{
    return !is_there(before) || is_same(before, after);
}

bool file_entered(struct hold *h)
{
    struct file *f = h->file;
    pthread_mutex_lock(&lock);
    struct identity now = file_look(f);
    bool may = !file_is_outdated(h) && is_kept(h->identity.wal, now.wal) &&
               is_kept(h->identity.shm, now.shm) &&
               (!f->known || is_all_the_same(&f->identity, &now));
    if (may) {
        h->identity = f->identity = now;
        f->known = f->used = true;
        f->vanished = f->wal_missed = false;
        f->gone_at = 0;
    }
    pthread_mutex_unlock(&lock);
    return may;
}

void file_leave(struct hold *h)
{
    struct file *f = h->file;
    if (h->generation == 0)
        return;
    pthread_mutex_lock(&lock);
    if (file_is_outdated(h))
        f->leaving -= h->generation >= f->first_leaving;
    else if (--f->open == 0)
        f->known = false; /* from now on SQLite may delete -wal and -shm */
    if (f->leaving == 0)
        pthread_cond_broadcast(&one_left);
    h->generation = 0;
    pthread_mutex_unlock(&lock);
}

void file_missed_with_wal(struct file *f)
{
    pthread_mutex_lock(&lock);
    f->wal_missed = true;
    pthread_mutex_unlock(&lock);
}

void file_forget_beside(const struct file *f)
{
    unlink(f->wal);
    unlink(f->shm);
}

bool file_was_used(struct file *f)
{
    pthread_mutex_lock(&lock);
    bool used = f->used;
    pthread_mutex_unlock(&lock);
    return used;
}

int64_t file_is_gone_for(struct file *f)
{
    int64_t now = now_monotonic_ms();
    pthread_mutex_lock(&lock);
    if (f->gone_at == 0)
        f->gone_at = now;
    int64_t ms = now - f->gone_at;
    pthread_mutex_unlock(&lock);
    return ms;
}

bool file_is_robbed(struct file *f)
{
    pthread_mutex_lock(&lock);
    bool is = f->robbed;
    pthread_mutex_unlock(&lock);
    return is;
}

void file_is_mended(struct file *f)
{
    pthread_mutex_lock(&lock);
    f->robbed = false;
    pthread_mutex_unlock(&lock);
}

void file_saw(struct file *f, const char *epoch, int64_t last_id)
{
    pthread_mutex_lock(&lock);
    if (strcmp(f->seen.epoch, epoch) != 0) {
        snprintf(f->seen.epoch, sizeof f->seen.epoch, "%s", epoch);
        f->seen.last_id = last_id;
    } else if (f->seen.last_id < last_id) {
        f->seen.last_id = last_id;
    }
    pthread_mutex_unlock(&lock);
}

struct store_end file_seen(struct file *f)
{
    pthread_mutex_lock(&lock);
    struct store_end seen = f->seen;
    pthread_mutex_unlock(&lock);
    return seen;
}
