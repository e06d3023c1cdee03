/* Five buffers grow side by side while rows come, and are laid into one allocation at the end.
 * Until then the index holds offsets, because a buffer moves when it grows; and mark_at counts
 * from the first mark, because only at the end is it known where the bytes stop and the marks
 * begin.  The structs come first in the allocation, since they need alignment and text does
 * not. */
#include "fcgi/stream/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/stream/batch_memory.h"
#include "fcgi/base/buffer.h"
#include "fcgi/stream/sse_format.h"
#include "store/rules.h"
#include "store/subscription.h"

/* KEEP_BYTES: the room that a builder keeps from one batch to the next.  The room for one event
 * of a megabyte must not stay in the process for ever.  SEEN: how many names it remembers. */
enum { KEEP_BYTES = 256 * 1024, SEEN = 64 };

struct batch_builder {
    struct buffer bytes;
    struct buffer marks;
    struct buffer text;  /* begins with "" */
    struct buffer event; /* of struct batch_event, mark_at counted from the first mark */
    struct buffer hole;  /* of struct batch_hole */
    uint32_t seen[SEEN]; /* by hash: an offset in `text` where that name may stand already */
    char epoch[EPOCH_SIZE];
    int64_t expires_at;
    bool ids;
    bool replays;
    bool broadcasts_only;
    bool keyed;
    bool failed;
};

struct batch_builder *batch_builder_new(void)
{
    return calloc(1, sizeof(struct batch_builder));
}

static void builder_forget(struct batch_builder *w)
{
    buffer_free(&w->bytes);
    buffer_free(&w->marks);
    buffer_free(&w->text);
    buffer_free(&w->event);
    buffer_free(&w->hole);
}

void batch_builder_free(struct batch_builder *w)
{
    if (!w)
        return;
    builder_forget(w);
    free(w);
}

void batch_builder_begin(struct batch_builder *w, const struct batch_format *f)
{
    assert(strlen(f->epoch) < EPOCH_SIZE);
    size_t room = w->bytes.room + w->marks.room + w->text.room + w->event.room + w->hole.room;
    if (room > KEEP_BYTES)
        builder_forget(w);
    buffer_clear(&w->bytes);
    buffer_clear(&w->marks);
    buffer_clear(&w->text);
    buffer_clear(&w->event);
    buffer_clear(&w->hole);
    buffer_add(&w->text, "", 1);
    memset(w->seen, 0, sizeof w->seen);
    strcpy(w->epoch, f->epoch);
    w->ids = f->ids;
    w->replays = f->replays;
    w->expires_at = 0;
    w->broadcasts_only = true;
    w->keyed = false;
    w->failed = false;
}

/* The offset of `name` in the text.  A name that another one of the same slot pushed out of
 * `seen` is written again.  That costs a few bytes, and spares a search of all names. */
static uint32_t intern(struct batch_builder *w, const char *name, uint64_t hash)
{
    if (name[0] == '\0' || w->text.failed)
        return 0;
    uint32_t *slot = &w->seen[hash % SEEN];
    if (*slot && strcmp(w->text.bytes + *slot, name) == 0)
        return *slot;
    *slot = (uint32_t)w->text.len;
    buffer_add(&w->text, name, strlen(name) + 1);
    return *slot;
}

/* The mark names the second of the row, so rows of the same second share one mark. */
static void add_mark(struct batch_builder *w, const struct event *e, struct batch_event *entry)
{
    const struct batch_event *last = NULL;
    if (w->event.len > 0)
        last = (const struct batch_event *)(w->event.bytes + w->event.len) - 1;
    size_t at = w->marks.len;
    sse_format_mark(&w->marks, e);
    size_t len = w->marks.len - at;
    if (last && len > 0 && last->mark_len == len &&
        memcmp(w->marks.bytes + last->mark_at, w->marks.bytes + at, len) == 0) {
        w->marks.len = at;
        at = last->mark_at;
    }
    entry->mark_at = (uint32_t)at;
    entry->mark_len = (uint32_t)len;
}

/* Enter an event whose bytes go from `at` to the end of what was written. */
static void add_to_index(struct batch_builder *w, const struct event *e, size_t at,
                         uint32_t object_end)
{
    const char *type = rules_type_is_sound(e->type) ? e->type : "message";
    struct batch_event entry = {.id = e->id,
                                .mailbox_hash = mailbox_hash(e->mailbox),
                                .type = intern(w, type, mailbox_hash(type)),
                                .at = (uint32_t)at,
                                .len = (uint32_t)(w->bytes.len - at)};
    entry.mailbox = intern(w, e->mailbox, entry.mailbox_hash);
    if (w->replays && object_end) {
        entry.object_end = object_end;
        add_mark(w, e, &entry);
    }
    buffer_add(&w->event, &entry, sizeof entry);
    w->broadcasts_only = w->broadcasts_only && e->mailbox[0] == '\0';
    w->keyed = w->keyed || e->key;
    if (e->expires_at > 0 && (w->expires_at == 0 || e->expires_at < w->expires_at))
        w->expires_at = e->expires_at;
}

/* The first look spares the formatting of what is clearly too long.  The second is needed since
 * formatting adds to the data: `data: ` for each line, the type, the id. */
enum batch_added batch_builder_add(struct batch_builder *w, const struct event *e)
{
    size_t at = w->bytes.len;
    if (at > 0 && at + e->data_len > BATCH_BYTES)
        return BATCH_NO_ROOM;
    uint32_t object_end;
    sse_format_event(&w->bytes, e, w->epoch, w->ids, &object_end);
    if (at > 0 && w->bytes.len > BATCH_BYTES) {
        w->bytes.len = at;
        return BATCH_NO_ROOM;
    }
    if (w->bytes.failed || w->bytes.len > UINT32_MAX / 2) { /* offsets are 32 bits */
        w->failed = true;
        return BATCH_ADDED_LAST;
    }
    add_to_index(w, e, at, object_end);
    return w->bytes.len >= BATCH_BYTES ? BATCH_ADDED_LAST : BATCH_ADDED;
}

void batch_builder_hole(struct batch_builder *w, const char *mailbox, int64_t trimmed_to)
{
    struct batch_hole hole = {.trimmed_to = trimmed_to, .everyone = !mailbox};
    if (mailbox) {
        hole.mailbox_hash = mailbox_hash(mailbox);
        hole.mailbox = intern(w, mailbox, hole.mailbox_hash);
    }
    buffer_add(&w->hole, &hole, sizeof hole);
}

/* Copy a part into the one allocation; returns where it stands. */
static char *lay(char **at, const struct buffer *part)
{
    char *here = *at;
    if (part->len > 0)
        memcpy(here, part->bytes, part->len);
    *at = here + part->len;
    return here;
}

static bool something_failed(const struct batch_builder *w)
{
    return w->failed || w->bytes.failed || w->marks.failed || w->text.failed ||
           w->event.failed || w->hole.failed;
}

static size_t batch_size(const struct batch_builder *w)
{
    return sizeof(struct batch) + w->event.len + w->hole.len + w->text.len + w->bytes.len +
           w->marks.len;
}

struct batch *batch_builder_finish(struct batch_builder *w, int64_t after, int64_t through)
{
    struct batch *b = something_failed(w) ? NULL : batch_alloc(batch_size(w));
    if (!b)
        return NULL;
    char *at = (char *)(b + 1);
    struct batch_event *event = (struct batch_event *)lay(&at, &w->event);
    b->event = event;
    b->events = w->event.len / sizeof *event;
    b->hole = (const struct batch_hole *)lay(&at, &w->hole);
    b->holes = w->hole.len / sizeof *b->hole;
    b->text = lay(&at, &w->text);
    b->bytes = lay(&at, &w->bytes);
    lay(&at, &w->marks);
    for (size_t i = 0; i < b->events; i++)
        event[i].mark_at += (uint32_t)w->bytes.len;
    memcpy(b->epoch, w->epoch, sizeof b->epoch);
    b->broadcasts_only = w->broadcasts_only;
    b->without_sessions = false;
    b->keyed = w->keyed;
    b->after = after;
    b->through = b->log_end = through;
    b->expires_at = w->expires_at;
    assert(b->events == 0 || (event[0].id > after && event[b->events - 1].id <= through));
    return b;
}
