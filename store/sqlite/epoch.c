/* A new epoch tells every client that the ids it knows mean nothing in this log: it gets a gap.
 * That is a high price, so the epoch changes only once for each loss: of several processes that
 * find the same loss, the first changes it. */
#include "store/sqlite/epoch.h"

#include <string.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/end.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/file.h"
#include "store/sqlite/sessions.h"

void epoch_note(struct sqlite_store *s)
{
    if (s->log.hold.file)
        s->seen = file_seen(s->log.hold.file);
}

/* The statement compares once more, under the write lock: another process may have been first. */
static enum store_result renew_below(struct sqlite_store *s, const struct store_end *seen)
{
    return database_do(s, &s->log, "giving the log a new epoch", SQL_LOG_NEW_EPOCH,
                       TEXT(seen->epoch), INT(seen->last_id));
}

enum store_result epoch_renew(struct sqlite_store *s)
{
    enum store_result r = renew_below(s, &s->seen);
    s->fell = r != STORE_OK;
    return r;
}

void epoch_opening(struct sqlite_store *s)
{
    s->seen = (struct store_end){.epoch = ""};
    s->fell = false;
}

static enum store_result epoch_compare(struct sqlite_store *s, const struct store_end *seen)
{
    struct store_end end;
    enum store_result r = log_read_end(s, &end, NULL);
    if (r != STORE_OK || strcmp(seen->epoch, end.epoch) != 0 || seen->last_id <= end.last_id)
        return r;
    return renew_below(s, seen);
}

/* How far the sessions have it as seen; epoch "": they do not know.  A failure of theirs is told
 * when they are needed, and must not keep the log from being opened. */
static struct store_end saved(struct sqlite_store *s)
{
    struct store_end seen;
    bool known = false;
    if (sessions_seen(s, &seen, &known) != STORE_OK)
        s->store.why[0] = '\0';
    return known ? seen : (struct store_end){.epoch = ""};
}

/* If a -wal was taken away, nobody knows what was in it, and its ids may have been given again by
 * now: the log gets a new epoch however far it reaches (INT64_MAX). */
enum store_result epoch_check(struct sqlite_store *s)
{
    struct file *f = s->log.hold.file;
    bool robbed = file_is_robbed(f);
    struct store_end seen[] = {file_seen(f), s->left, saved(s)};
    enum store_result r = STORE_OK;
    if (robbed)
        seen[0].last_id = INT64_MAX;
    for (size_t i = 0; r == STORE_OK && i < sizeof seen / sizeof *seen; i++)
        r = epoch_compare(s, &seen[i]);
    if (r != STORE_OK)
        return r;
    s->left = (struct store_end){.epoch = ""};
    if (robbed)
        file_is_mended(f);
    return r;
}
