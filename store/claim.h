/* The parts of store_claim that belong to no engine: whose stream it is (claim_identity.c), where
 * it starts (claim_start.c), and the order of the steps (claim.c, which explains the whole).  What
 * they ask an engine is in engine.h.  Private to store/.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_CLAIM_H
#define ROWCAST_STORE_CLAIM_H

#include "store/engine.h"

/* What the sessions know of the stream's past. */
struct claim_past {
    enum entry_as as;    /* ENTRY_NEW: no token gives the client a session … */
    bool refused;        /* … and it has to be told if it may have lost something */
    const char *unknown; /* the request's first token that no session has; NULL: none */
    bool departed;       /* there is a note of a session that had one of the tokens: */
    struct departure departure;
    int64_t bookmark; /* the smallest of the log's epoch; -1: none */
    bool foreign;     /* there is a bookmark of another epoch */
};

/* One claim on its way. */
struct claiming {
    struct store *store;
    const struct settings *settings;
    const struct claim_request *request;
    char *key;              /* of the subscription; NULL until it is needed */
    char epoch[EPOCH_SIZE]; /* that the log is expected to have; "": not known yet */
    struct claim_past past;
    struct claim *out;
    bool uncounted; /* nobody needs count and private_to, which cost most of a survey */
    enum store_result saved;  /* STORE_OK, or why the sessions cannot be saved … */
    char why[STORE_WHY_SIZE]; /* … in a sentence */
};

/* ---- who it is (claim_identity.c) -------------------------------------------------- */

/* Whether a failure of the sessions passes by itself, so that the client should try again.  After
 * any other failure the stream runs unsaved. */
bool claim_failure_passes(enum store_result r);

/* The sessions failed with `r`, which does not pass: the stream will run unsaved. */
void claim_is_unsaved(struct claiming *c, enum store_result r);

/* Fail with a sentence.  Returns `r`. */
enum store_result claim_fail(struct claiming *c, enum store_result r, const char *sentence);

/* The i-th of the tokens that the request presents; NULL: it presents no more than i. */
const char *claim_token(const struct claim_request *r, size_t i);

/* Recall the session of the tokens that were presented: fills `past`, and in `out` session, token
 * and the tokens of others.  If no session is known, invents one with a new token.  Asks the
 * engine once for each token. */
enum store_result claim_identify(struct claiming *c);

/* ---- where it starts (claim_start.c) ------------------------------------------------
 * Pure: these functions look at what they are given, and at nothing else. */

/* Read the position in the request into claim.presented, which stays -1 if there is none or it
 * is no id. */
void claim_present(const struct claim_request *r, struct claim *c);

/* Decide what the log has to be asked.  `c` has the subscription, the presented id and the epoch
 * that the log is expected to have. */
void claim_ask(const struct claim_request *r, const struct claim_past *past,
               const struct claim *c, struct survey_question *q);

/* Fix cursor, until, bookmark, gap, count and private_to by the answer, which is of that epoch.
 * Notes in the subscription which holes of its mailboxes the stream is told of. */
void claim_start(const struct claim_request *r, const struct claim_past *past,
                 const struct survey *v, struct claim *c);

/* ---- the steps (claim.c) ----------------------------------------------------------- */

/* Begin an attempt: empty c->out, and give it the epoch that the log is expected to have. */
enum store_result claim_begin(struct claiming *c);

/* Make c->key, by which bookmarks are found, unless it is made; the caller frees it. */
enum store_result claim_make_key(struct claiming *c);

/* Make the subscription of c->out.  `session_id` NULL: no mailbox of its own. */
enum store_result claim_subscribe(struct claiming *c, const char *session_id);

/* Step 2: ask the log, and fix where c->out starts.  *again: the log has another epoch than the
 * attempt began with; then nothing was fixed, and the claim has to begin once more. */
enum store_result claim_survey(struct claiming *c, bool *again);

#endif
