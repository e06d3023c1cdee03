/* Ten thousand random steps, done to a store and to a model of it (model.h).  After each, a read
 * from a random position for a random subscription, and a claim, must have the same answer.
 *
 * A step is nothing but random numbers, and what they mean depends on what is there: so any
 * selection of steps can be done in a world of its own.  After a failure the steps behind it are
 * left out, then those before it of which none is needed for it to fail, and the rest is
 * printed.  $ROWCAST_SEED chooses other steps. */
#include "tests/contract/contract_claims.h"
#include "tests/contract/contract_log.h"
#include "tests/contract/model.h"

#include <time.h>

enum { STEPS = 10000, SHRINK_S = 20, SHARES = 1000, NUMBERS = 20, OPEN_MAX = 40 };

struct step {
    uint32_t n[NUMBERS];
};

/* One run of steps. */
struct run {
    struct world *w;
    struct model *m;
    const struct step *step;
    size_t used; /* of the numbers of the step */
    bool says;   /* what is done */
    char ours[8192], theirs[8192], did[256];
    char token[16][SESSION_TOKEN_SIZE]; /* of the newest sessions */
    size_t tokens;
    char old_epoch[EPOCH_SIZE];
};

static uint32_t number(struct run *r, uint32_t below)
{
    return r->step->n[r->used++ % NUMBERS] % below;
}

__attribute__((format(printf, 2, 3))) static void did(struct run *r, const char *format, ...)
{
    size_t n = strlen(r->did);
    va_list args;
    va_start(args, format);
    vsnprintf(r->did + n, sizeof r->did - n, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void add(char text[8192], const char *format, ...)
{
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, 8192 - n, format, args);
    va_end(args);
}

static bool agree(struct run *r)
{
    return strcmp(r->ours, r->theirs) == 0;
}

/* ---- the steps --------------------------------------------------------------------- */

static const char *const channels[] = {"a", "b", "c"};

/* A mailbox of everybody, of a channel, of a session, or of nobody. */
static const char *any_mailbox(struct run *r)
{
    static char own[32];
    uint32_t n = number(r, 8), who = number(r, 1 << 20);
    if (n < 3)
        return channels[n];
    if (n == 3 && r->m->sessions > 0) {
        snprintf(own, sizeof own, "@%s", r->m->session[who % r->m->sessions].id);
        return own;
    }
    if (n == 4 && r->m->departures > 0) {
        snprintf(own, sizeof own, "@%s", r->m->departure[r->m->departures - 1].session_id);
        return own;
    }
    return n == 5 && who % 8 == 0 ? "@stranger" : "";
}

static void do_publish(struct run *r)
{
    const char *mailbox = any_mailbox(r);
    int n = number(r, 12) == 0 ? 1 + (int)number(r, 150) : 1 + (int)number(r, 4);
    size_t len = number(r, 10) == 0 ? number(r, 20000) : number(r, 300);
    char type[2] = {(char)('x' + number(r, 3)), '\0'};
    if (mailbox[0] == '@')
        n = 1;
    did(r, "publish %d of type %s and %zu bytes to \"%s\"", n, type, len, mailbox);
    publish(r->w, mailbox, type, letters(len), n);
    for (int i = 0; i < n; i++)
        model_publish(r->m, mailbox, type[0], (int64_t)len);
}

static void do_delete(struct run *r)
{
    const char *mailbox = number(r, 2) ? any_mailbox(r) : NULL;
    int64_t from = 1 + number(r, (uint32_t)r->m->end.last_id + 1), to = from + number(r, 20);
    if (number(r, 10) == 0)
        from = 1, to = INT64_MAX;
    did(r, "delete %lld to %lld of \"%s\"", (long long)from, (long long)to,
        mailbox ? mailbox : "(any)");
    delete_events(r->w, mailbox, from, to);
    model_delete(r->m, mailbox, from, to);
}

static void do_forget(struct run *r)
{
    const char *mailbox = any_mailbox(r);
    bool model = model_forget(r->m, mailbox), log = !try_forget(r->w, mailbox);
    did(r, "forget \"%s\"", mailbox);
    if (model != log)
        add(r->ours, "it is%s forgotten", model ? "" : " not");
}

static void do_set(struct run *r)
{
    static const char *const sizes[] = {"1", "5", "20", "60"};
    static const char *const bytes[] = {"65536", "100000", "300000"};
    bool size = number(r, 2);
    const char *name = size ? "buffer_size" : "buffer_bytes";
    const char *value = size ? sizes[number(r, 4)] : bytes[number(r, 3)];
    did(r, "%s = %s", name, value);
    set(r->w, name, value);
    *(size ? &r->m->buffer_size : &r->m->buffer_bytes) = atoll(value);
    r->m->end.config_version++;
}

/* A place at or before the log's end. */
static int64_t any_position(struct run *r)
{
    return number(r, (uint32_t)r->m->end.last_id + 1);
}

static struct bookmark bookmark_of_stream(const struct model_stream *s, int64_t at)
{
    struct bookmark b = {.stream_id = s->id, .position = at};
    memcpy(b.epoch, s->epoch, sizeof b.epoch);
    return b;
}

static void do_save(struct run *r)
{
    size_t i = number(r, (uint32_t)r->m->streams + 1);
    int64_t at = any_position(r);
    if (i >= r->m->streams || r->m->stream[i].ended_at >= 0)
        return;
    struct bookmark b = bookmark_of_stream(&r->m->stream[i], at);
    did(r, "save stream %zu at %lld", i, (long long)at);
    assert_int_equal(store_save(r->w->store, &b, 1), STORE_OK);
    model_save(r->m, i, at);
}

static void end_stream_at(struct run *r, size_t i, int64_t at, bool in_vain)
{
    struct bookmark b = bookmark_of_stream(&r->m->stream[i], at);
    b.in_vain = in_vain;
    did(r, " %zu at %lld%s", i, (long long)at, in_vain ? " in vain" : "");
    assert_int_equal(store_ended(r->w->store, &b, 1), STORE_OK);
    model_end(r->m, i, at, in_vain);
}

static void do_end(struct run *r)
{
    did(r, "end streams");
    uint32_t every = 1 + number(r, 4), vain = number(r, 4);
    for (size_t i = r->m->streams; i-- > 0;)
        if (r->m->stream[i].ended_at < 0 && i % every == 0)
            end_stream_at(r, i, any_position(r), i % 4 == vain);
}

static void do_expire(struct run *r)
{
    int64_t seconds = 1 + number(r, 40);
    did(r, "serve %lld s", (long long)seconds);
    serve(r->w, seconds);
    model_serve(r->m, seconds * 1000, r->w->settings->buffer_ttl * 1000);
}

static void do_delete_session(struct run *r)
{
    size_t i = number(r, (uint32_t)r->m->sessions + 1);
    if (i >= r->m->sessions)
        return;
    did(r, "delete session %zu", i);
    delete_session(r->w, r->m->session[i].id);
    model_delete_session(r->m, i);
}

static void do_put_back(struct run *r)
{
    int64_t n = 1 + number(r, 6);
    struct store_end end;
    if (n > r->m->end.last_id)
        return;
    did(r, "put back by %lld", (long long)n);
    put_back(r->w, n);
    model_put_back(r->m, n);
    memcpy(r->old_epoch, r->m->end.epoch, sizeof r->old_epoch);
    assert_int_equal(store_where(r->w->store, &end), STORE_OK);
    if (strcmp(end.epoch, r->old_epoch) == 0)
        add(r->ours, "another epoch than %s", r->old_epoch);
    memcpy(r->m->end.epoch, end.epoch, sizeof end.epoch);
}

/* Of a thousand steps so many do this.  (To put a log back takes a store a tenth of a second.) */
static const struct {
    uint32_t share;
    void (*what)(struct run *r);
} kinds[] = {
    {355, do_publish}, {70, do_delete},         {60, do_forget},
    {60, do_set},      {120, do_save},          {190, do_end},
    {110, do_expire},  {32, do_delete_session}, {3, do_put_back},
};

static void do_step(struct run *r)
{
    uint32_t n = number(r, SHARES), at = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        at += kinds[i].share;
        if (n < at) {
            kinds[i].what(r);
            return;
        }
    }
}

/* ---- the questions ----------------------------------------------------------------- */

/* A random subscription, as the model and as the store have it. */
struct asked {
    struct model_filter filter;
    const char *type[2];
    size_t types;
};

static void any_filter(struct run *r, struct asked *q)
{
    static const char *const types[] = {"", "x", "xy", "y"};
    uint32_t of = number(r, 8), type = number(r, 6);
    *q = (struct asked){.filter = {.types = types[type > 3 ? 0 : type]}};
    q->filter.key = (int)of * 8 + (type > 3 ? 0 : (int)type);
    for (size_t i = 0; i < 3; i++)
        if (of & 1u << i)
            q->filter.channel[q->filter.channels++] = channels[i];
    if (strchr(q->filter.types, 'x') && q->filter.types[0])
        q->type[q->types++] = "x";
    if (strchr(q->filter.types, 'y') && q->filter.types[0])
        q->type[q->types++] = "y";
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct model_box *)a)->name, ((const struct model_box *)b)->name);
}

/* What is told of holes, rows and how far it reaches, on either side. */
struct answer {
    struct store_end end;
    struct model_box hole[MODEL_BOXES];
    size_t holes;
    char rows[6000];
    int64_t through;
    uint32_t taken, most;
    enum store_taken at_most;
};

static void give_end(void *arg, const struct store_end *end)
{
    ((struct answer *)arg)->end = *end;
}

static void give_hole(void *arg, const char *mailbox, int64_t trimmed_to)
{
    struct answer *a = arg;
    struct model_box *h = &a->hole[a->holes++];
    snprintf(h->name, sizeof h->name, "%s", mailbox ? mailbox : "?");
    h->trimmed_to = trimmed_to;
}

static enum store_taken give_row(void *arg, const struct event *e)
{
    struct answer *a = arg;
    size_t n = strlen(a->rows);
    bool last = ++a->taken == a->most;
    if (!last || a->at_most == STORE_LAST)
        snprintf(a->rows + n, sizeof a->rows - n, " %lld%s%s%zu", (long long)e->id, e->mailbox,
                 e->type, e->data_len);
    return last ? a->at_most : STORE_MORE;
}

static void write_answer(char text[8192], struct answer *a)
{
    qsort(a->hole, a->holes, sizeof *a->hole, by_name);
    add(text, "%s-%lld, trimmed to %lld, settings %lld; holes", a->end.epoch,
        (long long)a->end.last_id, (long long)a->end.trimmed_to,
        (long long)a->end.config_version);
    for (size_t i = 0; i < a->holes; i++)
        add(text, " %s<%lld", a->hole[i].name, (long long)a->hole[i].trimmed_to);
    add(text, "; rows%s; through %lld", a->rows, (long long)a->through);
}

static void model_holes(const struct model *m, const struct model_filter *f, int64_t after,
                        struct answer *a)
{
    char own[32];
    const char *name[6] = {"", own};
    size_t n = f && f->session_id ? 2 : 1;
    if (!f) {
        for (size_t i = 0; i < m->boxes; i++)
            if (m->box[i].trimmed_to > after)
                give_hole(a, m->box[i].name, m->box[i].trimmed_to);
        if (m->forgotten_to > after)
            give_hole(a, NULL, m->forgotten_to);
        return;
    }
    snprintf(own, sizeof own, "@%s", f->session_id ? f->session_id : "");
    for (size_t i = 0; i < f->channels; i++)
        name[n++] = f->channel[i];
    for (size_t i = 0; i < n; i++)
        if (model_trimmed_to(m, name[i]) > after)
            give_hole(a, name[i], model_trimmed_to(m, name[i]));
}

static void model_read(const struct model *m, const struct model_filter *f, int64_t after,
                       struct answer *a)
{
    static char data[1];
    a->end = m->end;
    a->through = m->end.last_id > after ? m->end.last_id : after;
    model_holes(m, f, after, a);
    for (size_t i = 0; i < m->rows; i++) {
        const struct model_row *row = &m->row[i];
        char type[2] = {row->type, '\0'};
        struct event e = {.id = row->id,
                          .mailbox = row->mailbox,
                          .type = type,
                          .data = data,
                          .data_len = (size_t)row->bytes - 200};
        if (row->id <= after || (f && !model_listens(f, row->mailbox)))
            continue;
        enum store_taken taken = give_row(a, &e);
        if (taken != STORE_MORE) {
            a->through = taken == STORE_LAST ? row->id : row->id - 1;
            return;
        }
    }
}

static bool read_agrees(struct run *r)
{
    static struct answer ours, theirs;
    struct asked q;
    uint32_t who = number(r, 1 << 20), whole = number(r, 4), most = number(r, 30);
    any_filter(r, &q);
    if (r->m->sessions > 0 && who % 2)
        q.filter.session_id = r->m->session[who % r->m->sessions].id;
    ours = theirs =
        (struct answer){.most = most, .at_most = who & 4 ? STORE_LAST : STORE_ENOUGH};
    struct store_question question = {.after = any_position(r) + (who & 8 ? 3 : 0)};
    struct subscription *sub = subscription_new(q.filter.session_id, q.filter.channel,
                                                q.filter.channels, q.type, q.types);
    assert_non_null(sub);
    question.only = whole ? sub : NULL;
    question.without_session = q.filter.session_id && who & 16;
    if (question.without_session)
        q.filter.session_id = NULL;
    model_read(r->m, whole ? &q.filter : NULL, question.after, &ours);
    struct store_sink sink = {&theirs, give_end, give_hole, give_row};
    enum store_result result = store_read(r->w->store, &question, &sink, &theirs.through);
    write_answer(r->ours, &ours);
    write_answer(r->theirs, &theirs);
    if (result != STORE_OK)
        add(r->theirs, "; it gave %d: %s", result, store_why(r->w->store));
    subscription_free(sub);
    if (!agree(r))
        did(r, "; read behind %lld", (long long)question.after);
    return agree(r);
}

static void write_claim(char text[8192], const struct model_claim *c, const char *id)
{
    add(text,
        "session %s, %s, %lld times; gap \"%s\" from %lld, oldest %lld; cursor %lld, bookmark "
        "%lld, until %lld, %lld rows, private to %lld",
        c->made ? "(new)" : id, c->reconnection ? "back" : "new", (long long)c->reconnections,
        gap_reason_text(c->gap), (long long)c->gap_from, (long long)c->gap_oldest,
        (long long)c->cursor, (long long)c->bookmark, (long long)c->until, (long long)c->count,
        (long long)c->private_to);
}

static struct model_claim as_model(const struct claim *c)
{
    return (struct model_claim){!c->reconnection, c->reconnection, c->session_id,
                                c->reconnections, c->cursor,       c->bookmark,
                                c->until,         c->count,        c->private_to,
                                c->gap_from,      c->gap_oldest,   c->gap};
}

/* The text of an id, of this epoch mostly; *id -1: it is none. */
static void any_id(struct run *r, char text[EVENT_ID_SIZE], int64_t *id, const char **epoch)
{
    uint32_t what = number(r, 12);
    *epoch = what == 0 && r->old_epoch[0] ? r->old_epoch : r->m->end.epoch;
    *id = any_position(r) + (what == 1 ? 5 : 0);
    event_id_format(text, *epoch, *id);
    if (what == 2) {
        text[0] = '?';
        *id = -1;
    }
}

static bool claim_agrees(struct run *r)
{
    static const enum start_at starts[] = {START_UNSAID, START_UNSAID, START_AT_ID,
                                           START_AT_ID,  START_NEWEST, START_EARLIEST};
    char text[EVENT_ID_SIZE];
    const char *epoch = "";
    struct claim_request request = some_request();
    struct model_claim expected, got;
    struct asked q;
    int64_t id = -1;
    any_filter(r, &q);
    uint32_t who = number(r, 24);
    request.token = r->tokens > who && who < 16 ? r->token[(r->tokens - 1 - who) % 16] : NULL;
    request.start = starts[number(r, 6)];
    request.newest = number(r, 8);
    if (request.start == START_AT_ID)
        any_id(r, text, &id, &epoch);
    request.position = text;
    request.channels = q.filter.channel;
    request.channel_count = q.filter.channels;
    request.types = q.type;
    request.type_count = q.types;
    model_claim(r->m, request.token, &q.filter, request.start, id, epoch, request.newest,
                &expected);
    enum store_result result = try_claim(r->w, &request);
    r->ours[0] = r->theirs[0] = '\0';
    write_claim(r->ours, &expected, expected.session_id);
    got = as_model(&r->w->claim);
    write_claim(r->theirs, &got, got.session_id);
    if (result != STORE_OK || r->w->claim.saved != STORE_OK)
        add(r->theirs, "; it gave %d: %s", result, store_why(r->w->store));
    if (!agree(r)) {
        did(r, "; claim %s, start %d %s, newest %lld", request.token ? "again" : "anew",
            request.start, request.start == START_AT_ID ? text : "", (long long)request.newest);
        return false;
    }
    model_enter(r->m, &expected, &r->w->claim, &q.filter, id);
    if (expected.made)
        memcpy(r->token[r->tokens++ % 16], r->w->claim.token, SESSION_TOKEN_SIZE);
    return true;
}

/* ---- runs -------------------------------------------------------------------------- */

static void run_begin(struct run *r, void **state)
{
    *r = (struct run){.w = *state, .m = calloc(1, sizeof *r->m)};
    assert_non_null(r->m);
    memcpy(r->m->end.epoch, r->w->epoch, EPOCH_SIZE);
    set(r->w, "buffer_size", "60");
    set(r->w, "buffer_bytes", "300000");
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
        print_message("expected: %s\nbut got:  %s\n", r.ours, r.theirs);
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
