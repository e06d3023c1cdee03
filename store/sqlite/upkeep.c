/* Keeping the -wal small.  SQLite makes a checkpoint by itself when a commit leaves 1000 pages in
 * the -wal, but readers that overlap can keep each of these from copying all of it, and then the
 * -wal grows.  So the thread that follows the log makes one that no reader of this process can
 * keep from its end.  The lock below prefers its writer, here the checkpoint: readers that come
 * one after the other would otherwise never leave it a gap. */
#include "store/sqlite/upkeep.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/notice.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/now.h"

enum { WAL_BYTES_MAX = 64 * 1024 * 1024, WAL_TELL_S = 60 };

static pthread_rwlock_t readers = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

void upkeep_share(void)
{
    pthread_rwlock_rdlock(&readers);
}

void upkeep_unshare(void)
{
    pthread_rwlock_unlock(&readers);
}

/* Only a PASSIVE checkpoint: the other kinds would make publishers' shells fail. */
static enum store_result copy(struct sqlite_store *s, struct wal *out)
{
    int frames = 0, copied = 0;
    if (sqlite3_wal_checkpoint_v2(s->log.db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames,
                                  &copied) != SQLITE_OK)
        return store_failed(s, &s->log, "copying the -wal into the log");
    out->whole = copied == frames;
    out->bytes = (int64_t)frames * 4096; /* pages of another size: only a measure */
    out->left = (int64_t)(frames - copied) * 4096;
    return STORE_OK;
}

/* A log can be made such that a question to it never ends, and who follows the log has more
 * to do than this: so there is an end of patience. */
static enum store_result copy_alone(struct sqlite_store *s, struct wal *out)
{
    struct timespec until = now_wall_after(STORE_BUSY_MS);
    if (pthread_rwlock_timedwrlock(&readers, &until) != 0)
        return store_refuse(s, STORE_BUSY,
                            "this process has been reading the log for longer than %d ms",
                            STORE_BUSY_MS);
    enum store_result r = copy(s, out);
    pthread_rwlock_unlock(&readers);
    return r;
}

/* The first checkpoint copies most of the -wal beside the readers, so that the second, for which
 * they have to wait, has little to do. */
enum store_result upkeep_checkpoint(struct sqlite_store *s, int64_t wal_bytes, struct wal *out,
                                    bool *was_alone)
{
    struct stat file;
    *out = (struct wal){.whole = false};
    *was_alone = false;
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK || stat(s->log.wal_path, &file) != 0 || file.st_size <= wal_bytes)
        return r; /* the file never shrinks: its size says where a closer look is due */
    r = copy(s, out);
    if (r != STORE_OK || out->whole || out->bytes <= wal_bytes)
        return r;
    *was_alone = true;
    return copy_alone(s, out);
}

/* While no thread of this process was reading, another program was in the way; SQLite does not say
 * which.  A notice says so when it begins, each minute, and when it is over. */
static void tell_wal(struct sqlite_store *s, const struct wal *wal, const char *failed)
{
    static const char reader[] = "another program keeps a read transaction of the log open; "
                                 "the -wal grows until it ends";
    char words[STORE_WHY_SIZE + 128];
    int64_t now = s->wal_looked_at;
    if (!s->wal_waits_since) {
        s->wal_waits_since = now;
        s->wal_told_at = 0;
    }
    if (!wal->whole && s->wal_told_at && now - s->wal_told_at < WAL_TELL_S)
        return;
    s->wal_told_at = now;
    snprintf(words, sizeof words, "done=%d waited_s=%lld wal_mb=%lld left_mb=%lld why=\"%s\"",
             wal->whole, (long long)(now - s->wal_waits_since), (long long)wal->bytes >> 20,
             (long long)wal->left >> 20,
             *failed      ? failed
             : wal->whole ? ""
                          : reader);
    notice_of(wal->whole ? STORE_CHECKPOINT_DONE : STORE_CHECKPOINT_WAITS, words);
    if (wal->whole)
        s->wal_waits_since = 0;
}

/* The -wal is small or was copied whole without our doing: what was in the way is gone. */
static void tell_over(struct sqlite_store *s)
{
    char words[64];
    if (!s->wal_waits_since)
        return;
    snprintf(words, sizeof words, "done=1 waited_s=%lld",
             (long long)(s->wal_looked_at - s->wal_waits_since));
    notice_of(STORE_CHECKPOINT_DONE, words);
    s->wal_waits_since = 0;
}

enum store_result sqlite_upkeep(struct store *store, bool *worked)
{
    struct sqlite_store *s = sqlite_of(store);
    struct wal wal;
    bool alone;
    int64_t now = now_monotonic_us() / 1000000 + 1; /* 0 is never */
    *worked = false;
    if (now == s->wal_looked_at)
        return STORE_OK;
    s->wal_looked_at = now;
    enum store_result r = upkeep_checkpoint(s, WAL_BYTES_MAX, &wal, &alone);
    *worked = wal.bytes > 0;
    if (alone)
        tell_wal(s, &wal, s->store.why);
    else if (r == STORE_OK)
        tell_over(s);
    return r;
}
