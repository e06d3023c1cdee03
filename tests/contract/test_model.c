/* Ten thousand random steps, taken by a store and by a model of it (model.h).  After each, a read
 * from a random position for a random subscription, and a claim, must have the same answer.
 *
 * After a failure the steps behind it are left out, then those before it of which none is needed
 * for it to fail, and the rest is printed.  $ROWCAST_SEED chooses other steps. */
#include "tests/contract/model_run.h"

#include <time.h>

enum { STEPS = 10000, SHRINK_S = 20 };

static void run_begin(struct run *r, void **state)
{
    *r = (struct run){.w = *state, .m = calloc(1, sizeof *r->m)};
    assert_non_null(r->m);
    memcpy(r->m->end.epoch, r->w->epoch, EPOCH_SIZE);
    set(r->w, "buffer_size", "60");
    set(r->w, "buffer_bytes", "300000");
    r->w->settings->buffer_ttl = TTL_S;
    r->m->buffer_size = 60;
    r->m->buffer_bytes = 300000;
    r->m->end.config_version = 2;
}

static bool step_agrees(struct run *r, const struct step *step)
{
    r->step = step;
    r->used = 0;
    r->did[0] = r->ours[0] = r->theirs[0] = '\0';
    do_step(r);
    return agree(r) && read_agrees(r) && claim_agrees(r);
}

/* Both answers, from a little before they differ. */
static void print_answers(const struct run *r)
{
    size_t at = 0;
    while (r->ours[at] && r->ours[at] == r->theirs[at])
        at++;
    at = at > 300 ? at - 300 : 0;
    print_message("expected: %.900s\nbut got:  %.900s\n", r->ours + at, r->theirs + at);
}

/* Do the steps of `chosen` in a fresh world; how many agree. */
static size_t run_steps(const struct step *steps, const size_t *chosen, size_t n, bool print)
{
    static struct run r;
    void *state;
    size_t i;
    world_setup(&state);
    run_begin(&r, &state);
    for (i = 0; i < n; i++) {
        bool agrees = step_agrees(&r, &steps[chosen[i]]);
        if (print)
            print_message("%5zu: %s\n", chosen[i], r.did);
        if (!agrees)
            break;
    }
    if (print && i < n)
        print_answers(&r);
    free(r.m);
    world_teardown(&state);
    return i;
}

/* Leave steps out as long as the last one fails, in ever smaller pieces. */
static size_t shrink(const struct step *steps, size_t *chosen, size_t n)
{
    static size_t fewer[STEPS];
    time_t until = time(NULL) + SHRINK_S;
    for (size_t piece = n / 2; piece > 0 && time(NULL) < until; piece /= 2)
        for (size_t from = 0; from + piece < n && time(NULL) < until;) {
            memcpy(fewer, chosen, from * sizeof *fewer);
            memcpy(fewer + from, chosen + from + piece, (n - from - piece) * sizeof *fewer);
            size_t agree = run_steps(steps, fewer, n - piece, false);
            if (agree == n - piece) {
                from += piece;
                continue;
            }
            n = agree + 1;
            memcpy(chosen, fewer, n * sizeof *chosen);
        }
    return n;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void test_a_store_answers_as_the_model_does_whatever_was_done(void **state)
{
    static struct step steps[STEPS];
    static size_t chosen[STEPS];
    const char *given = getenv("ROWCAST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1, random = seed;
    (void)state;
    print_message("ROWCAST_SEED=%llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < STEPS; i++) {
        chosen[i] = i;
        for (size_t k = 0; k < NUMBERS; k++)
            steps[i].n[k] = next_random(&random);
    }
    size_t n = run_steps(steps, chosen, STEPS, false);
    if (n == STEPS)
        return;
    n = shrink(steps, chosen, n + 1);
    run_steps(steps, chosen, n, true);
    fail_msg("of %d steps these %zu fail", STEPS, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_store_answers_as_the_model_does_whatever_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
