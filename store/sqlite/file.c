/* The list of files, and the generations of each.
 *
 * `generation` counts up whenever the files at the paths are no longer those that are open.  A
 * connection belongs to the generation in which it opened; one of an earlier generation is
 * *leaving*.  The invariant: a new connection never opens a file that a leaving one still has
 * open, or SQLite, which knows files by their inodes, would give it the old mapping of the -shm.
 * So file_enter() waits until these have closed, and each thread closes what is outdated as soon
 * as it looks.  If the file itself was replaced, its inode is another one, and nobody waits.
 *
 * Everything is under one lock but `generation`, which every call reads. */
#include "store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/now.h"

/* How long an opening waits for the connections that have to close; and how long for a person who
 * is changing the files: the second half of `mv copy rowcast.db; rm rowcast.db-wal
 * rowcast.db-shm` must not hit files that we just made. */
enum { LEAVING_MS = 250, SETTLING_MS = 100 };

/* For how long a folder's ctime is believed. */
enum { FOLDER_BELIEVED_MS = 1000 };

struct file {
    struct file *next;
    struct names names;
    atomic_uint generation;
    int open;    /* connections of this generation … */
    int leaving; /* … and open ones of earlier generations, from `first_leaving` on … */
    unsigned first_leaving;
    struct inode left;        /* … to this file: SQLite knows files by inode, not by path */
    bool known;               /* `identity` is what the open connections have */
    bool used;                /* a connection was open at some time */
    bool robbed;              /* see file_is_robbed */
    bool vanished;            /* the file was gone at the last look … */
    bool wal_missed;          /* … and so was its -wal, which nobody deletes without it */
    struct identity identity; /* of the newest connection that opened */
    int64_t changed_at;       /* when the generation began; 0: with the process */
    int64_t gone_at;          /* when the file was first missed; 0: it is there */
    struct store_end seen;    /* how far the log has been seen */
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

static void file_free(struct file *f)
{
    names_free(&f->names);
    free(f);
}

static struct file *file_new(const char *path)
{
    struct file *f = calloc(1, sizeof *f);
    if (f && names_make(&f->names, path)) {
        atomic_init(&f->generation, 1);
        return f;
    }
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
    while (f && strcmp(f->names.path, path) != 0)
        f = f->next;
    if (!f && (f = file_new(path))) {
        f->next = files;
        files = f;
    }
    pthread_mutex_unlock(&lock);
    return f;
}

/* Begin another generation.  The first connection that sees the change calls it: it still has the
 * old files open, so their inodes cannot be another file's by now.  Called with the lock held. */
static void changed(struct file *f, const struct identity *had, const struct identity *now)
{
    f->vanished = !inode_is_there(now->file);
    if (inode_is_there(had->wal) && inode_is_same(now->file, had->file) &&
        !inode_is_same(now->wal, had->wal))
        f->robbed = true;
    names_separate(&f->names, had, true);
    if (!inode_is_same(f->left, had->file)) {
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

/* `folder` was read before the three files, so a change since then gives it another ctime. */
static void believe(struct hold *h, const struct folder *folder)
{
    if (!folder_is_settled(folder))
        return;
    h->folder = *folder;
    h->looked_at = now_monotonic_ms();
}

bool file_is_current(struct hold *h)
{
    struct file *f = h->file;
    if (h->generation == 0 || file_is_outdated(h))
        return false;
    struct folder folder = folder_at(f->names.folder);
    if (folder_is_same(&h->folder, &folder) &&
        now_monotonic_ms() - h->looked_at < FOLDER_BELIEVED_MS)
        return true;
    h->folder = (struct folder){0};
    struct identity now = names_look(&f->names);
    if (identity_is_same(&now, &h->identity)) {
        believe(h, &folder);
        return true;
    }
    if (inode_is_same(now.file, h->identity.file)) {
        names_give_back(h->identity.wal, now.wal, f->names.kept_wal, f->names.wal);
        names_give_back(h->identity.shm, now.shm, f->names.kept_shm, f->names.shm);
    }
    /* Another thread may have repaired the names, or found the change, since the first look. */
    pthread_mutex_lock(&lock);
    now = names_look(&f->names);
    bool is = identity_is_same(&now, &h->identity);
    if (!is && !file_is_outdated(h))
        changed(f, &h->identity, &now);
    is = is && !file_is_outdated(h);
    pthread_mutex_unlock(&lock);
    return is;
}

bool file_has_second_name(const struct file *f, const struct stat *st)
{
    struct inode i = {st->st_dev, st->st_ino};
    return inode_is_same(inode_at(f->names.kept_wal), i) ||
           inode_is_same(inode_at(f->names.kept_shm), i);
}

void file_keep(const struct hold *h)
{
    if (h->generation == 0 || file_is_outdated(h))
        return;
    names_keep(h->identity.wal, h->file->names.wal, h->file->names.kept_wal);
    names_keep(h->identity.shm, h->file->names.shm, h->file->names.kept_shm);
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno == ENOENT;
}

bool file_is_writable(const struct file *f)
{
    return may_write(f->names.path) && may_write(f->names.wal) && may_write(f->names.shm);
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
        names_separate(&f->names, &f->identity, false);
    struct identity now = names_look(&f->names);
    if (f->vanished && f->wal_missed && inode_is_there(f->identity.wal) &&
        inode_is_same(now.file, f->identity.file) && !inode_is_same(now.wal, f->identity.wal))
        f->robbed = true; /* it came back without its -wal */
    f->open++;
    *h = (struct hold){.file = f, .generation = atomic_load(&f->generation)};
    h->identity = now; /* as it is before the opening; file_entered compares */
}

static bool is_being_left(const struct file *f)
{
    return f->leaving > 0 && inode_is_same(inode_at(f->names.path), f->left);
}

/* Wait until that time, or until the last leaving connection closed; the lock is free meanwhile. */
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

/* A -wal or -shm that was there before the opening must still be the same one; if there was none,
 * the opening made the one that is there now. */
static bool is_kept(struct inode before, struct inode after)
{
    return !inode_is_there(before) || inode_is_same(before, after);
}

bool file_entered(struct hold *h)
{
    struct file *f = h->file;
    pthread_mutex_lock(&lock);
    struct identity now = names_look(&f->names);
    bool may = !file_is_outdated(h) && is_kept(h->identity.wal, now.wal) &&
               is_kept(h->identity.shm, now.shm) &&
               (!f->known || identity_is_same(&f->identity, &now));
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
    unlink(f->names.wal);
    unlink(f->names.shm);
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
