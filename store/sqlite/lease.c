/* Leases: which processes live.
 *
 * A process that is killed cannot say so, and its streams would stay open in the sessions for
 * ever.  A heartbeat in a table would cost a write every second and be late by its timeout, and a
 * pid is soon another process's.  A lock is neither: the system drops it the moment its process
 * ends.  So each process locks one byte of `path`.leases; the byte's offset is its number, under
 * which its streams are entered.  Byte 0 is the janitor's.  The file stays empty, since a byte
 * need not exist to be locked. */
#include "store/sqlite/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/notice.h"
#include "store/sqlite/bind.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"
#include "store/sqlite/place.h"
#include "store/version.h"

enum { JANITOR = 0, LEASES_MAX = 65535 };

/* What this process holds in one file of leases.  Kept until the process ends, as the locks are.
 * The locks belong to the open file description, not to the process (F_OFD_SETLK, fcntl(2)): a
 * process's locks would be dropped if any other descriptor of the file were closed. */
struct lease {
    struct lease *next;
    dev_t device;
    ino_t inode;
    int fd;
    atomic_int number;               /* 0: none taken */
    atomic_int_least64_t started_at; /* when it was taken; with pid it tells holders apart */
    pid_t pid; /* a forked child inherits this struct, but holds nothing */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lease *leases;

static bool try_lock(int fd, off_t byte)
{
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &f) == 0;
}

static struct lease *lease_new(void)
{
    struct lease *l = calloc(1, sizeof *l);
    if (l) {
        l->next = leases;
        leases = l;
    }
    return l;
}

/* Others may be allowed to write the folder, and can put a file of theirs there: only one that is
 * ours alone is used.  O_NONBLOCK: a FIFO must not stop us.  -1: errno says why. */
static int leases_open(const char *path, struct stat *st)
{
    char why[STORE_WHY_SIZE];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || (fstat(fd, st) == 0 && place_is_own(st, 1, path, why, sizeof why)))
        return fd;
    close(fd);
    errno = EPERM;
    notice("%s", why);
    return -1;
}

/* Open `path`, and find or make the entry of the file that is there.  Called with the lock
 * held. */
static struct lease *lease_for(const char *path)
{
    struct stat st;
    int fd = leases_open(path, &st);
    struct lease *l = NULL;
    if (fd < 0)
        goto done;
    for (l = leases; l; l = l->next)
        if (l->device == st.st_dev && l->inode == st.st_ino)
            break;
    if (l && l->pid == getpid())
        goto done;
    if (l)
        close(l->fd); /* inherited from the parent, which keeps the lock */
    else if (!(l = lease_new()))
        goto done;
    l->device = st.st_dev;
    l->inode = st.st_ino;
    l->fd = fd;
    l->pid = getpid();
    l->number = 0;
    return l;
done:
    if (fd >= 0)
        close(fd);
    return l;
}

/* The process's entry for this store; NULL: there can be none (errno says why). */
static struct lease *lease_of(struct sqlite_store *s)
{
    if (s->lease && s->lease->pid == getpid())
        return s->lease;
    char *path;
    if (asprintf(&path, "%s.leases", s->log.path) < 0)
        return NULL;
    pthread_mutex_lock(&lock);
    s->lease = lease_for(path);
    pthread_mutex_unlock(&lock);
    free(path);
    return s->lease;
}

/* Take the first number that is free.  An error other than "taken" would be the same for all 65535
 * bytes.  Called with the lock held. */
static bool take_any(struct lease *l)
{
    for (int n = JANITOR + 1; l->number == 0 && n <= LEASES_MAX; n++)
        if (try_lock(l->fd, n)) {
            l->started_at = now_wall_ms();
            l->number = n;
        } else if (errno != EAGAIN && errno != EACCES) {
            break;
        }
    return l->number != 0;
}

static bool lease_take(struct lease *l)
{
    pthread_mutex_lock(&lock);
    bool taken = take_any(l);
    pthread_mutex_unlock(&lock);
    return taken;
}

/* Our file was removed, and processes that open the one that is there now do not see its locks.
 * dup3() keeps the descriptor's number, which other threads are using.  The number of the lease
 * is kept if it is free there, as our streams are entered under it.  Called with the lock held. */
static void move(struct lease *l, const char *path)
{
    struct stat st;
    int fd = leases_open(path, &st), number = l->number;
    if (fd < 0)
        return; /* the next look tries again */
    if (dup3(fd, l->fd, O_CLOEXEC) == l->fd) {
        l->device = st.st_dev;
        l->inode = st.st_ino;
        if (number && !try_lock(l->fd, number)) {
            l->number = 0;
            take_any(l);
        }
    }
    close(fd);
}

void lease_keep(struct sqlite_store *s)
{
    struct lease *l = lease_of(s);
    struct stat st;
    char *path;
    if (!l || asprintf(&path, "%s.leases", s->log.path) < 0)
        return;
    pthread_mutex_lock(&lock);
    int number = l->number;
    if (stat(path, &st) != 0 || st.st_dev != l->device || st.st_ino != l->inode)
        move(l, path);
    s->sessions.suspect |= l->number != number; /* opened anew, so that the number is entered */
    pthread_mutex_unlock(&lock);
    free(path);
}

void lease_follow(struct sqlite_store *s)
{
    bool had = s->lease && s->lease->number != 0;
    s->lease = NULL;
    struct lease *l = had ? lease_of(s) : NULL;
    if (l)
        lease_take(l);
}

int lease_number(struct sqlite_store *s)
{
    struct lease *l = lease_of(s);
    return l ? l->number : 0;
}

/* When in doubt a process lives: to end the streams of a living one would do harm, and those of a
 * dead one can end in a later round. */
bool lease_alive(struct sqlite_store *s, int64_t number)
{
    struct lease *l = lease_of(s);
    if (number <= JANITOR || number > LEASES_MAX)
        return false;
    if (!l || l->number == number)
        return true;
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = number, .l_len = 1};
    return fcntl(l->fd, F_OFD_GETLK, &f) != 0 || f.l_type != F_UNLCK;
}

bool lease_janitor(struct sqlite_store *s)
{
    struct lease *l = lease_of(s);
    return l && try_lock(l->fd, JANITOR);
}

/* ---- in the sessions' file --------------------------------------------------------- */

enum entering { ENTERED_NOT, ENTERED_WITHOUT_VERSION, ENTERED };

/* Sessions that could not be upgraded have no place for the version. */
static enum store_result entered(struct sqlite_store *s, const struct lease *l,
                                 enum entering *how)
{
    struct database *d = &s->sessions;
    sqlite3_stmt *stmt = database_bind(d, SQL_SESSIONS_RESPONDER, INT(l->number), INT(l->pid),
                                       INT(l->started_at), TEXT(ROWCAST_VERSION));
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    *how = rc != SQLITE_ROW                                ? ENTERED_NOT
           : d->behind || sqlite3_column_int(stmt, 0) != 0 ? ENTERED
                                                           : ENTERED_WITHOUT_VERSION;
    sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? STORE_OK
                                                 : store_failed(s, d, "reading the responders");
}

static const char doing[] = "entering a responder";

static enum store_result enter_version(struct sqlite_store *s, const struct lease *l)
{
    if (s->sessions.behind)
        return STORE_OK;
    return database_do(s, &s->sessions, doing, SQL_SESSIONS_RESPONDER_VERSION, INT(l->number),
                       TEXT(ROWCAST_VERSION));
}

/* End what an earlier holder of the number left, and only then enter: from then on all that is
 * under this number is ours. */
static enum store_result lease_tidy(struct sqlite_store *s, const struct lease *l)
{
    struct database *d = &s->sessions;
    int64_t number = l->number;
    enum store_result r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_END, INT(number));
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_ORDERS, INT(number));
    if (r == STORE_OK)
        r = database_do(s, d, doing, SQL_SESSIONS_RESPONDER_ENTER, INT(number), INT(l->pid),
                        INT(l->started_at));
    return r;
}

static enum store_result lease_enter_number(struct sqlite_store *s)
{
    const struct lease *l = lease_of(s);
    if (!l || l->number == 0)
        return STORE_OK;
    enum entering how;
    enum store_result r = entered(s, l, &how);
    if (r != STORE_OK || how == ENTERED)
        return r;
    r = database_run(s, &s->sessions, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = entered(s, l, &how); /* another thread may have been faster, and have streams */
    if (r == STORE_OK && how == ENTERED_NOT)
        r = lease_tidy(s, l);
    if (r == STORE_OK && how != ENTERED)
        r = enter_version(s, l);
    return database_finish(s, &s->sessions, r);
}

enum store_result lease_enter(struct sqlite_store *s)
{
    enum store_result r = lease_enter_number(s);
    s->unentered = r != STORE_OK;
    return r;
}

enum store_result lease_need(struct sqlite_store *s)
{
    struct lease *l = lease_of(s);
    if (!l)
        return store_refuse(
            s, database_result_of_errno(errno) == STORE_FULL ? STORE_FULL : STORE_IO,
            "%s.leases cannot be opened: %s; it must be a regular file of the "
            "responder's account; if you remove it, it is created anew",
            s->log.path, strerror(errno));
    if (l->number == 0)
        return store_refuse(s, STORE_IO, "no lease is free in %s.leases", s->log.path);
    return STORE_OK;
}

enum store_result sqlite_join(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    struct lease *l = lease_of(s);
    if (l && l->number != 0 && s->joined)
        return STORE_OK; /* sessions_opened enters it in files that are opened from now on */
    if (l)
        lease_take(l);
    enum store_result r = lease_need(s);
    if (r == STORE_OK)
        r = database_use(s, &s->sessions);
    if (r == STORE_OK)
        r = lease_enter(s);
    s->joined = r == STORE_OK;
    return r;
}
