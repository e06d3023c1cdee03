/* A batch: an interval of the event log, formatted once, shared by every stream it concerns.
 *
 *   interval   (after, through]            of the log, under `epoch`
 *   bytes      |event: a\ndata: {"x":1}\nid: 5f2a91c0-19\n\n|data: hi\nid: …\n\n|,"_replayed":…|
 *               ^at                   ^object_end            ^at (the next)      ^mark_at
 *   event[]    id, mailbox, type, where its bytes are
 *   hole[]     mailboxes that had been trimmed beyond `after` when it was read
 *
 * Both renditions of an event are slices of the same bytes.  Live it is [at, at + len).
 * Replayed, an event whose data is a JSON object gets its mark before the object's last brace:
 * [at, at + object_end), the mark, [at + object_end, at + len).  Live renditions of neighbours
 * are neighbours, so that a run of them is one slice.
 *
 * A batch ends at BATCH_BYTES, or with the one event that is larger.  `through` moves on even
 * if nothing matched.  It is immutable from batch_builder_finish on, is one allocation, and
 * counts in batch_memory() until the last reference is gone.
 *
 * Thread: any; the count is atomic. */
#ifndef ROWCAST_FCGI_BATCH_H
#define ROWCAST_FCGI_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/event.h"
#include "store/event_id.h"
#include "store/settings.h"

enum { BATCH_BYTES = 64 * 1024 };

struct batch_event {
    int64_t id;
    uint64_t mailbox_hash;
    uint32_t mailbox; /* offset of its name in `text`; 0 is "" */
    uint32_t type;    /* offset in `text` */
    uint32_t at;
    uint32_t len;
    uint32_t object_end; /* 0: not a JSON object, both renditions are the same */
    uint32_t mark_at;
    uint32_t mark_len;
};

struct batch_hole {
    int64_t trimmed_to;
    uint64_t mailbox_hash;
    uint32_t mailbox;
    bool everyone; /* of all forgotten mailboxes: it may concern any stream */
};

struct batch {
    atomic_int refs;
    char epoch[EPOCH_SIZE];
    bool broadcasts_only;  /* every event is for everyone */
    bool without_sessions; /* rows of session mailboxes were not asked for */
    bool keyed;            /* an event has a key, so a newer one may have replaced it since */
    int64_t after;
    int64_t through;
    int64_t log_end;    /* the newest id of the log when it was read */
    int64_t expires_at; /* when the first of its events does, in ms since 1970; 0: none does */
    size_t memory;      /* bytes it counts for in batch_memory() */
    size_t events;
    size_t holes;
    const struct batch_event *event;
    const struct batch_hole *hole;
    const char *text; /* names of mailboxes and types, NUL-terminated */
    const char *bytes;
};

struct batch *batch_ref(struct batch *b);
void batch_unref(struct batch *b); /* NULL is fine */

/* Bytes of all batches that exist in this process. */
size_t batch_memory(void);

/* How many bytes all batches may take: memory_bytes, but at least eight of the largest events,
 * because under a smaller limit a large event would never be sent.  And how many of them the
 * tail may take: at most half, because a full tail must leave memory to streams behind it. */
size_t batch_memory_limit(const struct settings *s);
size_t batch_tail_limit(const struct settings *s);

/* The index of the first event with an id greater than `id`; b->events if there is none.
 * O(log events), since ids ascend. */
size_t batch_find(const struct batch *b, int64_t id);

/* How a builder writes the bytes. */
struct batch_format {
    const char *epoch;
    bool ids;     /* write id: lines */
    bool replays; /* prepare the replayed rendition (mark_replayed) */
};

/* Makes batches, one after the other.  Thread: its owner's. */
struct batch_builder;
struct batch_builder *batch_builder_new(void); /* NULL: out of memory */
void batch_builder_free(struct batch_builder *w);

enum batch_added {
    BATCH_ADDED,
    BATCH_ADDED_LAST, /* added, and the batch is full now */
    BATCH_NO_ROOM     /* not added: it belongs in the next batch */
};

/* Begin an empty batch; `f` is copied. */
void batch_builder_begin(struct batch_builder *w, const struct batch_format *f);

/* Format one event (sse_format.h has the rules).  A row whose type could not be sent is sent as
 * `message`.  Out of memory is remembered: finish returns NULL. */
enum batch_added batch_builder_add(struct batch_builder *w, const struct event *e);

/* Note a hole.  `mailbox` NULL: that of all forgotten mailboxes. */
void batch_builder_hole(struct batch_builder *w, const char *mailbox, int64_t trimmed_to);

/* The batch, with one reference; NULL: out of memory.  The builder can begin again.  log_end is
 * `through`, and the caller may raise it. */
struct batch *batch_builder_finish(struct batch_builder *w, int64_t after, int64_t through);

#endif
