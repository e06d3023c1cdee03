/* A database file with its -wal and -shm, and which connections of this process have it open.
 *
 *     rowcast.db          the database          .rowcast.db-wal.kept    second names, by hard
 *     rowcast.db-wal      commits not in it     .rowcast.db-shm.kept    links, of the two
 *     rowcast.db-shm      locks, and an index of the -wal
 *
 * SQLite deletes -wal and -shm only when nobody has the database open.  So if one of our
 * connections is open and one of the three paths leads to another file, or to none, somebody
 * removed or replaced that file.  A connection that went on with what it has open would write
 * where nobody reads, and two writers whose locks are in two -shm files write over each other.
 * So this is done:
 *
 *  1. A -wal or -shm that is gone gets its name back, by its second name, and all is as before.
 *  2. If that is not possible, another *generation* of the file begins.  SQLite has one mapping
 *     of the -shm for all connections of a process to a file; so the connections of the earlier
 *     generation have to close, each in its own thread, before one of the new generation opens.
 *  3. If a -wal that was in use was taken away, commits may be lost that clients were told of:
 *     the log needs another epoch (file_is_robbed).
 *  4. The -wal of a file that was replaced is moved to rowcast.db-wal.replaced: SQLite would
 *     read it into the new file.
 *
 * None of this opens a file: closing a descriptor would drop SQLite's locks.
 *
 * Thread: any; the list of files has a lock.  An entry stays until the process ends. */
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
    struct folder folder; /* while it is unchanged, nobody touched the three names … */
    int64_t looked_at;    /* … which are looked at once a second all the same */
};

/* The entry of a path, which is absolute and without symbolic links.  NULL: out of memory. */
struct file *file_of(const char *path);

/* Call it before a connection opens: it waits, up to 250 ms, until those of an earlier generation
 * are closed.  False: they are not. */
bool file_enter(struct hold *h, struct file *f);
/* Call it after the connection opened.  False: the files were changed meanwhile. */
bool file_entered(struct hold *h);
/* Call it after the connection closed, or failed to open.  Does nothing if nothing is held. */
void file_leave(struct hold *h);

/* Whether the paths still lead to what is open.  Costs one stat() of their folder, 1 µs: whoever
 * makes, removes or moves a name in it changes its ctime.  The three files themselves are looked
 * at, by a stat() each, if the ctime changed, for FOLDER_SETTLED_MS after it did (a file system's
 * clock stands still for up to 10 ms), and once a second in any case, since a file can be mounted
 * over another one. */
bool file_is_current(struct hold *h);
/* Whether another thread of this process found that they do not; costs nothing. */
bool file_is_outdated(const struct hold *h);

/* Whether our account may write the files that exist: three faccessat(). */
bool file_is_writable(const struct file *f);
/* Begin another generation of the same files.  SQLite does not see permissions that were repaired
 * as long as any connection of the process has the -shm mapped as it was. */
void file_outdate(const struct hold *h);

/* Give -wal and -shm their second names if they lack them.  Costs two stat(); for threads that
 * follow a file, once a second. */
void file_keep(const struct hold *h);

/* Whether `st`, of a -wal or -shm, is the file that has the second name. */
bool file_has_second_name(const struct file *f, const struct stat *st);

/* The file is gone for good: delete the -wal and -shm beside it. */
void file_forget_beside(const struct file *f);

/* Whether this process had the file open before; and for how many ms it has been missing (0 at
 * the first call). */
bool file_was_used(struct file *f);
int64_t file_is_gone_for(struct file *f);

/* Note that neither the file nor its -wal is in the folder: if the file comes back alone, it is
 * robbed.  (After it is back this can no longer be told: SQLite may have copied the -wal into it
 * and deleted the -wal.) */
void file_missed_with_wal(struct file *f);

/* Whether a -wal was taken away while it was in use, and the log has had no new epoch since; and
 * note that it has one now. */
bool file_is_robbed(struct file *f);
void file_is_mended(struct file *f);

/* How far any store of this process has seen the log: it must never end before that. */
void file_saw(struct file *f, const char *epoch, int64_t last_id);
struct store_end file_seen(struct file *f);

#endif
