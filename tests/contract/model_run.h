/* One comparison of a store with its model: a world, the model, and the step that is being done.
 * A step is nothing but random numbers, and what they mean depends on what is there: so any
 * selection of steps can be done. */
#ifndef ROWCAST_TESTS_CONTRACT_MODEL_RUN_H
#define ROWCAST_TESTS_CONTRACT_MODEL_RUN_H

#include "tests/contract/contract_world.h"
#include "tests/contract/model.h"

enum { NUMBERS = 48, ANSWER_SIZE = 1 << 18, TOKENS = 16 };

struct step {
    uint32_t n[NUMBERS];
};

/* One run of steps. */
struct run {
    struct world *w;
    struct model *m;
    const struct step *step;
    size_t used;                                 /* of the numbers of the step */
    char ours[ANSWER_SIZE], theirs[ANSWER_SIZE]; /* answers, which have to be the same */
    char did[512];
    char token[TOKENS][SESSION_TOKEN_SIZE]; /* of the newest sessions */
    size_t tokens;
    char old_epoch[EPOCH_SIZE];
    int64_t unserved_ms; /* that the store was told of, and counts in its next round */
};

/* The next number of the step, from 0 up to below this. */
uint32_t run_number(struct run *r, uint32_t below);

/* A position at or before the log's end. */
int64_t run_position(struct run *r);

/* Add to what is told of the step. */
__attribute__((format(printf, 2, 3))) void did(struct run *r, const char *format, ...);

/* Add to an answer. */
__attribute__((format(printf, 2, 3))) void add(char text[ANSWER_SIZE], const char *format, ...);

/* Brief events expire after this time, and when it is theirs, so much passes by the clock. */
enum { BRIEF_S = 100, PASSES_S = 120 };

/* How long a session lives, in served time.  (The same setting bounds, by the clock, how long the
 * mail of a session that nobody knows is kept: no run lasts so long, with all that passes for brief
 * events.) */
enum { TTL_S = 30000 };

/* The channels there are. */
extern const char *const model_channels[3];

/* Change something, in the store and in the model (model_steps.c). */
void do_step(struct run *r);

/* Ask something; whether both say the same (model_questions.c). */
bool read_agrees(struct run *r);
bool claim_agrees(struct run *r);
bool agree(const struct run *r);

#endif
