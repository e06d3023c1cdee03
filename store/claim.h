/* The parts of store_claim that belong to no engine: who comes (claim_identity.c), where the
 * stream starts (claim_start.c), and the order of the steps (claim.c, with the idea of it all).
 * What they ask an engine is in engine.h.  Private to store/.
 *
 * Thread: that of the store. */
#ifndef ROWCAST_STORE_CLAIM_H
#define ROWCAST_STORE_CLAIM_H

#include "store/engine.h"

/* What the sessions know of the stream's past. */
struct claim_past {
    enum entry_as as;    /* ENTRY_NEW: no token is of a session that is honoured */
    bool refused;        /* … and the client has to be told if it may have lost something */
    const char *unknown; /* the first token that no session has, in the request; NULL: none */
    bool departed;       /* a token is of a session that is remembered: */
    struct departure departure;
    int64_t bookmark; /* the smallest of the log's epoch; -1: none */
    bool foreign;     /* there is one of another epoch */
};

/* One claim on its way. */
struct claiming {
    struct store *store;
    const struct settings *settings;
    const struct claim_request *request;
    char *key;              /* of the subscription; NULL until it is needed */
    char epoch[EPOCH_SIZE]; /* the log's, as far as is known; "": not yet */
    struct claim_past past;
    struct claim *out;
    enum store_result saved;  /* STORE_OK, or why the sessions cannot be saved … */
    char why[STORE_WHY_SIZE]; /* … in a sentence */
};

/* ---- who it is (claim_identity.c) -------------------------------------------------- */

/* Whether a failure of the sessions passes by itself, so that coming again is worth it.  Of any
 * other the stream does not depend: it runs unsaved. */
bool claim_failure_passes(enum store_result r);

/* The sessions failed with `r`, which does not pass: the stream will run unsaved. */
void claim_is_unsaved(struct claiming *c, enum store_result r);

/* Fail with a sentence.  Returns `r`. */
enum store_result claim_fail(struct claiming *c, enum store_result r, const char *sentence);

/* Recall who presents the tokens: fills `past`, and session, token and the tokens of others in
 * `out`.  Invents session and token where nobody is known.  Asks the engine once a token. */
enum store_result claim_identify(struct claiming *c);

/* ---- where it starts (claim_start.c) ------------------------------------------------
 * Pure: these functions look at what they are given, and at nothing else. */

/* Read the position the request gives, into claim.presented: -1 if it has none that is an id. */
void claim_present(const struct claim_request *r, struct claim *c);

/* What the log has to be asked.  `c` has the subscription, the presented id and the epoch that is
 * expected of the log. */
void claim_ask(const struct claim_request *r, const struct claim_past *past,
               const struct claim *c, struct survey_question *q);

/* Fix cursor, until, bookmark, gap, count and private_to by the answer, which is of that epoch.
 * Notes in the subscription what its mailboxes lost before the stream starts. */
void claim_start(const struct claim_request *r, const struct claim_past *past,
                 const struct survey *v, struct claim *c);

/* ---- the steps (claim.c) ----------------------------------------------------------- */

/* Make `key`, by which the bookmarks are found; the caller frees it. */
enum store_result claim_make_key(struct claiming *c);

#endif
