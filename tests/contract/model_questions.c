#include "tests/contract/model_run.h"

#include "tests/contract/contract_claims.h"

/* A random subscription, as the model and as the store have it. */
struct asked {
    struct model_filter filter;
    const char *type[2];
    size_t types;
};

/* Often one of a few, so that a stream finds what an earlier one left. */
static void any_filter(struct run *r, struct asked *q)
{
    static const char *const types[] = {"", "x", "xy", "y"};
    uint32_t of = run_number(r, 8), type = run_number(r, 6);
    if (run_number(r, 3)) {
        of %= 2;
        type = 0;
    }
    *q = (struct asked){.filter = {.types = types[type > 3 ? 0 : type]}};
    q->filter.key = (int)of * 8 + (type > 3 ? 0 : (int)type);
    for (size_t i = 0; i < 3; i++)
        if (of & 1u << i)
            q->filter.channel[q->filter.channels++] = model_channels[i];
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
    char rows[ANSWER_SIZE / 2];
    size_t len;
    int64_t through;
    uint32_t taken, most;
    enum store_taken at_most;
};

static void answer_begin(struct answer *a, uint32_t most, enum store_taken at_most)
{
    a->holes = a->len = a->taken = 0;
    a->rows[0] = '\0';
    a->most = most;
    a->at_most = at_most;
}

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
    bool last = ++a->taken == a->most;
    if (!last || a->at_most == STORE_LAST)
        a->len += (size_t)snprintf(a->rows + a->len, sizeof a->rows - a->len, " %lld%s%s%zu",
                                   (long long)e->id, e->mailbox, e->type, e->data_len);
    return last ? a->at_most : STORE_MORE;
}

static void write_answer(char text[ANSWER_SIZE], struct answer *a)
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
        if (row->id <= after || row->due || (f && !model_listens(f, row->mailbox)))
            continue;
        enum store_taken taken = give_row(a, &e);
        if (taken != STORE_MORE) {
            a->through = taken == STORE_LAST ? row->id : row->id - 1;
            return;
        }
    }
}

bool read_agrees(struct run *r)
{
    static struct answer ours, theirs;
    struct asked q;
    uint32_t who = run_number(r, 1 << 20), whole = run_number(r, 4), most = run_number(r, 30);
    any_filter(r, &q);
    if (r->m->sessions > 0 && who % 2)
        q.filter.session_id = r->m->session[who % r->m->sessions].id;
    answer_begin(&ours, most, who & 4 ? STORE_LAST : STORE_ENOUGH);
    answer_begin(&theirs, most, who & 4 ? STORE_LAST : STORE_ENOUGH);
    struct store_question question = {.after = run_position(r) + (who & 8 ? 3 : 0)};
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

static void write_claim(char text[ANSWER_SIZE], const struct model_claim *c, const char *id)
{
    add(text,
        "session %s, %s, %lld times; gap \"%s\" from %lld, oldest %lld; cursor %lld, bookmark "
        "%lld, until %lld, %lld rows, private to %lld",
        c->made ? "(new)" : id, c->reconnection ? "back" : "new", (long long)c->reconnections,
        gap_reason_text(c->gap), (long long)c->gap_from, (long long)c->gap_oldest,
        (long long)c->cursor, (long long)c->bookmark, (long long)c->until, (long long)c->count,
        (long long)c->private_to);
}

/* How far each mailbox of the stream was trimmed beyond where it begins: that it was told. */
static void write_told(char text[ANSWER_SIZE], const struct subscription *sub)
{
    for (size_t i = 0; i < sub->mailboxes; i++)
        if (sub->mailbox[i].told_to)
            add(text, "; told %s<%lld", sub->mailbox[i].name,
                (long long)sub->mailbox[i].told_to);
}

static void model_told(const struct model *m, const struct model_claim *c,
                       const struct subscription *sub, char text[ANSWER_SIZE])
{
    for (size_t i = 0; i < sub->mailboxes; i++) {
        int64_t to = model_trimmed_to(m, sub->mailbox[i].name);
        if (to > c->bookmark)
            add(text, "; told %s<%lld", sub->mailbox[i].name, (long long)to);
    }
}

static struct model_claim as_model(const struct claim *c)
{
    return (struct model_claim){!c->reconnection, c->reconnection, c->session_id,
                                c->reconnections, c->cursor,       c->bookmark,
                                c->until,         c->count,        c->private_to,
                                c->gap_from,      c->gap_oldest,   c->gap};
}

/* Where a stream of the session with this token stands; -1: it has none. */
static int64_t any_bookmark(struct run *r, const char *token)
{
    int64_t at = -1;
    for (size_t i = 0; token && i < r->m->sessions; i++)
        if (strcmp(r->m->session[i].token, token) == 0)
            for (size_t k = 0; k < r->m->streams; k++)
                if (strcmp(r->m->stream[k].session_id, r->m->session[i].id) == 0 &&
                    (at < 0 || run_number(r, 2)))
                    at = r->m->stream[k].position;
    return at;
}

/* The text of an id, of this epoch mostly; *id -1: it is none. */
static void any_id(struct run *r, const char *token, char text[EVENT_ID_SIZE], int64_t *id,
                   const char **epoch)
{
    uint32_t what = run_number(r, 12);
    int64_t own = any_bookmark(r, token);
    *epoch = what == 0 && r->old_epoch[0] ? r->old_epoch : r->m->end.epoch;
    *id = run_position(r) + (what == 1 ? 5 : 0);
    if (what > 5 && own >= 0)
        *id = own;
    event_id_format(text, *epoch, *id);
    if (what == 2) {
        text[0] = '?';
        *id = -1;
    }
}

/* A claim that was made up. */
struct asked_claim {
    struct asked what;
    struct claim_request request;
    char text[EVENT_ID_SIZE];
    int64_t id;
    const char *epoch;
};

static void any_claim(struct run *r, struct asked_claim *a)
{
    static const enum start_at starts[] = {START_UNSAID, START_UNSAID, START_AT_ID,
                                           START_AT_ID,  START_NEWEST, START_EARLIEST};
    struct claim_request *q = &a->request;
    *a = (struct asked_claim){.request = some_request(), .id = -1, .epoch = ""};
    any_filter(r, &a->what);
    uint32_t who = run_number(r, 24);
    if (who < TOKENS && who < r->tokens)
        q->token = r->token[(r->tokens - 1 - who) % TOKENS];
    q->start = starts[run_number(r, 6)];
    q->newest = run_number(r, 8);
    if (q->start == START_AT_ID)
        any_id(r, q->token, a->text, &a->id, &a->epoch);
    q->position = a->text;
    q->channels = a->what.filter.channel;
    q->channel_count = a->what.filter.channels;
    q->types = a->what.type;
    q->type_count = a->what.types;
}

static void write_both(struct run *r, const struct model_claim *expected,
                       enum store_result result)
{
    const struct claim *c = &r->w->claim;
    struct model_claim got = as_model(c);
    r->ours[0] = r->theirs[0] = '\0';
    write_claim(r->ours, expected, expected->session_id);
    write_claim(r->theirs, &got, got.session_id);
    if (c->subscription) {
        model_told(r->m, expected, c->subscription, r->ours);
        write_told(r->theirs, c->subscription);
    }
    if (result != STORE_OK || c->saved != STORE_OK)
        add(r->theirs, "; it gave %d: %s", result, store_why(r->w->store));
}

bool claim_agrees(struct run *r)
{
    struct asked_claim a;
    struct model_claim expected;
    const struct claim_request *q = &a.request;
    any_claim(r, &a);
    model_claim(r->m, q->token, &a.what.filter, q->start, a.id, a.epoch, q->newest, &expected);
    write_both(r, &expected, try_claim(r->w, q));
    if (!agree(r)) {
        did(r, "; claim %s, start %d %s, newest %lld", q->token ? "again" : "anew", q->start,
            a.text, (long long)q->newest);
        return false;
    }
    model_enter(r->m, &expected, &r->w->claim, &a.what.filter, a.id);
    if (expected.made)
        memcpy(r->token[r->tokens++ % TOKENS], r->w->claim.token, SESSION_TOKEN_SIZE);
    return true;
}
