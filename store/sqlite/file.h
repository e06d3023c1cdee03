/* A database file with its -wal and -shm, as all stores of this process together have it open.
 *
 *     rowcast.db          the database          .rowcast.db-wal.kept    second names, by hard
 *     rowcast.db-wal      commits not in it     .rowcast.db-shm.kept    links, of the two
 *     rowcast.db-shm      locks, and an index of the -wal
 *
 * SQLite deletes -wal and -shm only when nobody has the database open.  So while one of our
 * connections is open, another file at one of the three paths, or none, means that somebody
 * removed or replaced it.  Whoever then goes on with what is open writes where nobody reads,
 * and two writers whose locks are in two -shm files write over each other.  What is done:
 *
 *  1. A -wal or -shm that is gone gets its name back, from the second name: nothing happened.
 *  2. Else another *generation* of the file begins.  SQLite has one mapping of the -shm for all
 *     connections of a process to a file; so those of the earlier generation have to close,
 *     each by its own thread, before one of the new generation opens.
 *  3. If a -wal was taken away that was in use, commits may be lost that somebody was told of:
 *     the log needs another epoch (file_is_robbed).
 *  4. A -wal that belongs to a file which was replaced is moved to rowcast.db-wal.replaced:
 *     SQLite would read it into the new one.
 *
 * None of this opens a file: closing a descriptor would drop SQLite's locks.
 *
 * Thread: any; the register has a lock.  Entries stay until the process ends, as paths do. */
#ifndef ROWCAST_STORE_SQLITE_FILE_H
#define ROWCAST_STORE_SQLITE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "store/sqlite/names.h"
#include "store/store.h"

struct file; /* one path of this process */

/* What one connection has open. */
struct hold {
    struct file *file;
    unsigned generation; /* 0: it has nothing open */
    struct identity identity;
    struct folder folder; /* as long as it is this one, nobody touched the three names … */
    int64_t looked_at;    /* … which are looked at all the same, once a second */
};

/* The entry of a path, which is absolute and without symbolic links.  NULL: out of memory. */
struct file *file_of(const char *path);

/* Before a connection opens: wait, up to 250 ms, until those of an earlier generation are
 * closed.  False: they are not. */
bool file_enter(struct hold *h, struct file *f);
/* After it opened.  False: the files were changed meanwhile. */
bool file_entered(struct hold *h);
/* After it closed, or did not open.  Nothing to do where nothing is held. */
void file_leave(struct hold *h);

/* Whether the paths still lead to what is open.  One stat() of their folder, 1 µs: no name in
 * it can be made, removed or moved without moving its ctime.  The three themselves are looked
 * at, by a stat() each, when that moved, for FOLDER_SETTLED_MS after it did (a file system's
 * clock stands still for up to 10 ms), and once a second, whatever the folder says: a file can
 * be mounted over another one. */
bool file_is_current(struct hold *h);
/* The same by what other threads of this process found; costs nothing. */
bool file_is_outdated(const struct hold *h);

/* Whether our account may write the files that are there: three access(). */
bool file_is_writable(const struct file *f);
/* Another generation of the same files begins: rights that were repaired are not seen by SQLite
 * while any connection of the process has the -shm mapped as it was. */
void file_outdate(const struct hold *h);

/* Give -wal and -shm their second names, where they do not have them: two stat().  For threads
 * that follow a file, once a second. */
void file_keep(const struct hold *h);

/* Whether this, of a -wal or -shm, has such a name. */
bool file_has_second_name(const struct file *f, const struct stat *st);

/* The file is gone for good: so go the -wal and -shm beside it. */
void file_forget_beside(const struct file *f);

/* Whether this process had the file open before; and since when, in ms, it finds nothing at the
 * path (0: it was not looked for). */
bool file_was_used(struct file *f);
int64_t file_is_gone_for(struct file *f);

/* Neither the file nor its -wal is in the folder: should the file come back alone, it is
 * robbed. (Once it is back, SQLite may have copied the -wal into it and deleted that.) */
void file_missed_with_wal(struct file *f);

/* A -wal was taken away while it was in use, and the log has no new epoch since. */
bool file_is_robbed(struct file *f);
void file_is_mended(struct file *f);

/* How far any store of this process has seen the log: it may never end below. */
void file_saw(struct file *f, const char *epoch, int64_t last_id);
struct store_end file_seen(struct file *f);

#endif
