/* A model of a log and its sessions in memory, as slow and plain as can be: lists that are walked
 * from end to end.  test_model.c compares every answer of a store with it.
 *
 * It follows what the store promises, not how an engine keeps it.  Ids and tokens are random, so it
 * takes them over from the store.  It also takes over the epoch, of which it only knows when it
 * has to change. */
#ifndef ROWCAST_TESTS_CONTRACT_MODEL_H
#define ROWCAST_TESTS_CONTRACT_MODEL_H

#include "store/store.h"

enum { MODEL_ROWS = 4096, MODEL_BOXES = 4096, MODEL_SESSIONS = 4096, MODEL_STREAMS = 4096 };

struct model_row {
    int64_t id;
    char mailbox[32], type, key, dedup_key; /* keys NUL: none */
    int64_t bytes;                          /* as buffer_bytes counts them */
    bool brief, due; /* it expires soon; it is due, and not removed yet */
};

struct model_box {
    char name[32];
    int64_t trimmed_to;
    bool removed; /* a person deleted the newest event of a key */
};

struct model_session {
    char id[SESSION_ID_SIZE], token[SESSION_TOKEN_SIZE];
    int64_t reconnections;
    int64_t idle_since; /* served time; -1: it has an open stream */
};

struct model_stream {
    int64_t id;
    char session_id[SESSION_ID_SIZE], epoch[EPOCH_SIZE];
    int key; /* which subscription */
    int64_t position;
    int64_t ended_at; /* served time; -1: open */
};

struct model_departure {
    char token[SESSION_TOKEN_SIZE], session_id[SESSION_ID_SIZE], epoch[EPOCH_SIZE];
    bool revives;
    int64_t position, private_to, log_end;
};

struct model {
    struct store_end end;
    int64_t forgotten_to, bytes, buffer_size, buffer_bytes; /* the bounds; bytes 0: none */
    struct model_row row[MODEL_ROWS];                       /* in id order */
    struct model_box box[MODEL_BOXES];
    struct model_session session[MODEL_SESSIONS];
    struct model_stream stream[MODEL_STREAMS];
    struct model_departure departure[MODEL_SESSIONS];
    size_t rows, boxes, sessions, streams, departures;
    int64_t served;
};

/* What a stream listens to.  Equal subscriptions have the same `key`. */
struct model_filter {
    const char *channel[4];
    size_t channels;
    const char *session_id; /* NULL: no mailbox of its own */
    const char *types;      /* one letter each; "": every type */
    int key;
};

bool model_listens(const struct model_filter *f, const char *mailbox);
bool model_wants(const struct model_filter *f, const struct model_row *r);

/* ---- the log (model_log.c) --------------------------------------------------------- */

void model_publish(struct model *m, const char *mailbox, char type, char key, bool brief,
                   int64_t data_len);
/* The same with a dedup_key, once.  The row's id, or that of the row that has the key already. */
int64_t model_publish_once(struct model *m, const char *mailbox, char type, char key,
                           char dedup_key, int64_t data_len);
void model_become_due(struct model *m); /* what is brief */
bool model_take_due(struct model *m);   /* remove what is due; false: nothing is */
void model_delete(struct model *m, const char *mailbox, int64_t from, int64_t to);
void model_empty(struct model *m, const char *mailbox); /* of a session that is gone */
void model_tell_removals(struct model *m);
bool model_forget(struct model *m, const char *mailbox); /* false: it keeps events */
void model_put_back(struct model *m, int64_t n);

/* The newest id that left a mailbox; of a forgotten one, the newest that left any of these. */
int64_t model_trimmed_to(const struct model *m, const char *mailbox);
const struct model_box *model_box(const struct model *m, const char *mailbox); /* or NULL */
int64_t model_kept(const struct model *m, const char *mailbox);

/* The oldest row of these mailboxes after `after` that is not due; 0: none. */
int64_t model_oldest(const struct model *m, const struct model_filter *f, int64_t after);

/* ---- claims (model_claim.c) -------------------------------------------------------- */

/* What store_claim has to answer.  Where `made`, id and token are the store's to invent. */
struct model_claim {
    bool made, reconnection;
    const char *session_id;
    int64_t reconnections, cursor, bookmark, until, count, private_to, gap_from, gap_oldest;
    enum gap_reason gap;
};

/* A claim by `token` (NULL: none).  `f->session_id` is set by it.  `presented` -1: no id. */
void model_claim(const struct model *m, const char *token, struct model_filter *f,
                 enum start_at start, int64_t presented, const char *presented_epoch,
                 int64_t newest, struct model_claim *out);

/* ---- sessions (model_sessions.c) --------------------------------------------------- */

/* The stream that was claimed is entered, as the store names it. */
void model_enter(struct model *m, const struct model_claim *c, const struct claim *got,
                 const struct model_filter *f, int64_t presented);

void model_save(struct model *m, size_t stream, int64_t position);
void model_end(struct model *m, size_t stream, int64_t position, bool in_vain);
void model_delete_session(struct model *m, size_t session);
void model_serve(struct model *m, int64_t ms, int64_t ttl_ms);

#endif
