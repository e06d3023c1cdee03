#include <stddef.h>

#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"

/* The file never shrinks, so its size only says where a closer look is due.  Never more than
 * PASSIVE: the others would refuse the publishers' shells. */
static enum store_result upkeep_checkpoint(struct sqlite_store *s, int64_t wal_bytes,
                                           struct store_wal *out)
{
    struct stat file;
    int frames = 0, copied = 0;
    *out = (struct store_wal){.whole = false};
    enum store_result r = database_use(s, &s->log);
    if (r != STORE_OK || stat(s->log.wal_path, &file) != 0 || file.st_size <= wal_bytes)
        return r;
    if (sqlite3_wal_checkpoint_v2(s->log.db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames,
                                  &copied) != SQLITE_OK)
        return store_failed(s, &s->log, "copying the -wal into the log");
    out->whole = copied == frames;
    out->bytes = (int64_t)frames * 4096; /* pages of another size: only a measure */
    out->left = (int64_t)(frames - copied) * 4096;
    return STORE_OK;
}

bool sqlite_wal_exceeds(struct store *store, int64_t wal_bytes)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_wal wal;
    return upkeep_checkpoint(s, wal_bytes, &wal) == STORE_OK && wal.bytes > wal_bytes &&
           !wal.whole;
}

enum store_result sqlite_checkpoint(struct store *store, int64_t wal_bytes,
                                    struct store_wal *out)
{
    struct sqlite_store *s = sqlite_of(store);
    return upkeep_checkpoint(s, wal_bytes, out);
}
