#include "tests/contract/model_run.h"

#include "tests/contract/contract_claims.h"

enum { SHARES = 1000 };

const char *const model_channels[] = {"a", "b", "c"};

uint32_t run_number(struct run *r, uint32_t below)
{
    return r->step->n[r->used++ % NUMBERS] % below;
}

void did(struct run *r, const char *format, ...)
{
    size_t n = strlen(r->did);
    va_list args;
    va_start(args, format);
    vsnprintf(r->did + n, sizeof r->did - n, format, args);
    va_end(args);
}

void add(char text[ANSWER_SIZE], const char *format, ...)
{
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, ANSWER_SIZE - n, format, args);
    va_end(args);
}

bool agree(const struct run *r)
{
    return strcmp(r->ours, r->theirs) == 0;
}

/* Mostly where something is to be told apart: near the end, at what a stream received, at what a
 * mailbox lost. */
int64_t run_position(struct run *r)
{
    uint32_t how = run_number(r, 4), n = run_number(r, 1 << 20);
    int64_t end = r->m->end.last_id, at = n % (end + 1);
    if (how == 1 && end > 12)
        at = end - n % 12;
    if (how == 2 && r->m->streams > 0)
        at = r->m->stream[n % r->m->streams].position + (n >> 10) % 3 - 1;
    if (how == 3 && r->m->boxes > 0)
        at = r->m->box[n % r->m->boxes].trimmed_to + (n >> 10) % 3 - 1;
    return at < 0 ? 0 : at < end ? at : end;
}

/* A mailbox of everybody, of a channel, of a session, or of nobody. */
static const char *any_mailbox(struct run *r)
{
    static char own[32];
    uint32_t n = run_number(r, 8), who = run_number(r, 1 << 20);
    if (n < 3)
        return model_channels[n];
    if (n == 3 && r->m->sessions > 0) {
        snprintf(own, sizeof own, "@%s", r->m->session[who % r->m->sessions].id);
        return own;
    }
    if (n == 4 && r->m->departures > 0) {
        who = (uint32_t)r->m->departures - 1 - who % (r->m->departures < 8 ? 1 : 8);
        snprintf(own, sizeof own, "@%s", r->m->departure[who].session_id);
        return own;
    }
    return n == 5 && who % 8 == 0 ? "@stranger" : "";
}

/* A time to expire, as a publisher gives it. */
static const char *soon(void)
{
    static char text[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%lld", (long long)(now.tv_sec + BRIEF_S) * 1000);
    return text;
}

/* One event that expires soon, or is the newest state of a key, or both. */
static void do_publish_one(struct run *r)
{
    bool keyed = run_number(r, 3), brief = !keyed || run_number(r, 4) == 0;
    const char *mailbox = any_mailbox(r);
    const char *column = mailbox[0] == '@' ? "session_id" : "channel";
    size_t len = 1 + run_number(r, run_number(r, 10) == 0 ? 20000 : 300);
    char type[2] = {(char)('x' + run_number(r, 3)), '\0'};
    char key[2] = {(char)('k' + run_number(r, 4)), '\0'};
    did(r, "publish one of type %s and %zu bytes to \"%s\"%s%s%s", type, len, mailbox,
        keyed ? " with key " : "", keyed ? key : "", brief ? ", brief" : "");
    const char *why = TRY(r->w, WITH(column, mailbox + (mailbox[0] == '@')), WITH("type", type),
                          WITH("key", keyed ? key : NULL), WITH("data", letters(len)),
                          WITH("expires_at", brief ? soon() : NULL));
    if (why)
        add(r->theirs, "it was refused: %s", why);
    model_publish(r->m, mailbox, type[0], keyed ? key[0] : '\0', brief, (int64_t)len);
}

static void do_publish(struct run *r)
{
    const char *mailbox = any_mailbox(r);
    int n = run_number(r, 8) == 0 ? 1 + (int)run_number(r, 200) : 1 + (int)run_number(r, 4);
    size_t len = run_number(r, 30) == 0 ? run_number(r, 20000) : run_number(r, 300);
    char type[2] = {(char)('x' + run_number(r, 3)), '\0'};
    if (mailbox[0] == '@')
        n = 1;
    did(r, "publish %d of type %s and %zu bytes to \"%s\"", n, type, len, mailbox);
    publish(r->w, mailbox, type, letters(len), n);
    for (int i = 0; i < n; i++)
        model_publish(r->m, mailbox, type[0], '\0', false, (int64_t)len);
}

/* A letter in quotes, or null. */
static const char *letter_or_null(char text[8], char letter)
{
    if (letter)
        snprintf(text, 8, "\"%c\"", letter);
    return letter ? text : "null";
}

/* A mailbox whose session exists, since rows for another one would be refused. */
static const char *mailbox_of_row(struct run *r)
{
    uint32_t n = run_number(r, 5), who = run_number(r, 1 << 20);
    static char own[32];
    if (n != 4 || r->m->sessions == 0)
        return n < 3 ? model_channels[n] : "";
    snprintf(own, sizeof own, "@%s", r->m->session[who % r->m->sessions].id);
    return own;
}

/* A row in the form of the store, of which the model has the id; how long it is. */
static size_t any_row(struct run *r, char *json, size_t size, bool keyed)
{
    const char *mailbox = mailbox_of_row(r);
    char key = run_number(r, 4) ? '\0' : (char)('k' + run_number(r, 4)), text[8], once[8];
    char dedup_key = keyed && run_number(r, 2) ? (char)('p' + run_number(r, 8)) : '\0';
    char type = (char)('x' + run_number(r, 3)), session[40] = "null";
    size_t len = run_number(r, 300);
    bool own = mailbox[0] == '@';
    if (own)
        snprintf(session, sizeof session, "\"%s\"", mailbox + 1);
    add(r->ours, "%lld ",
        (long long)model_publish_once(r->m, mailbox, type, key, dedup_key, (int64_t)len));
    return (size_t)snprintf(json, size, "[\"%s\",%s,\"%c\",\"%s\",%s,%s,null]",
                            own ? "" : mailbox, session, type, letters(len),
                            letter_or_null(once, dedup_key), letter_or_null(text, key));
}

/* Some rows together, of which some have a key, or a dedup_key that may have been there. */
static void do_publish_rows(struct run *r)
{
    enum { ROWS = 16, ROW_SIZE = 512 };
    static char json[ROWS * ROW_SIZE];
    int64_t ids[ROWS];
    size_t n = 1 + run_number(r, ROWS), at = 0;
    bool keyed = run_number(r, 3) > 0;
    for (size_t i = 0; i < n; i++) {
        json[at++] = i ? ',' : '[';
        at += any_row(r, json + at, sizeof json - at, keyed);
    }
    json[at++] = ']';
    struct store_rows rows = {.json = json, .len = at, .count = n, .has_sessions = true};
    struct appending a = {.what.rows = &rows, .ids = ids}, *item = &a;
    did(r, "publish %zu rows: %.*s", n, 400, json);
    store_append_all(r->w->store, &item, 1, 0);
    if (a.result != STORE_OK)
        add(r->theirs, "it was refused: %s", a.why);
    for (size_t i = 0; i < n && a.result == STORE_OK; i++)
        add(r->theirs, "%lld ", (long long)ids[i]);
}

/* A store tells of removals with the call after the one that sees them. */
static void delete_and_tell(struct run *r, const char *mailbox, int64_t from, int64_t to)
{
    struct store_end end;
    delete_events(r->w, mailbox, from, to);
    model_delete(r->m, mailbox, from, to);
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_where(r->w->store, &end), STORE_OK);
    model_tell_removals(r->m);
}

static void do_delete(struct run *r)
{
    const char *mailbox = run_number(r, 2) ? any_mailbox(r) : NULL;
    int64_t from = 1 + run_number(r, (uint32_t)r->m->end.last_id + 1),
            to = from + run_number(r, 20);
    if (run_number(r, 10) == 0)
        from = 1, to = INT64_MAX;
    did(r, "delete %lld to %lld of \"%s\"", (long long)from, (long long)to,
        mailbox ? mailbox : "(any)");
    delete_and_tell(r, mailbox, from, to);
}

static void do_forget(struct run *r)
{
    const char *mailbox = any_mailbox(r);
    if (run_number(r, 2)) {
        did(r, "empty it and ");
        delete_and_tell(r, mailbox, 1, INT64_MAX);
    }
    bool model = model_forget(r->m, mailbox), log = !try_forget(r->w, mailbox);
    did(r, "forget \"%s\"", mailbox);
    if (model != log)
        add(r->ours, "it is%s forgotten", model ? "" : " not");
}

static void do_set(struct run *r)
{
    static const char *const sizes[] = {"1", "5", "60", "400"};
    static const char *const bytes[] = {"65536", "100000", "300000"};
    bool size = run_number(r, 2);
    const char *name = size ? "buffer_size" : "buffer_bytes";
    const char *value = size ? sizes[run_number(r, 4)] : bytes[run_number(r, 3)];
    did(r, "%s = %s", name, value);
    set(r->w, name, value);
    *(size ? &r->m->buffer_size : &r->m->buffer_bytes) = atoll(value);
    r->m->end.config_version++;
}

static struct bookmark bookmark_of_stream(const struct model_stream *s, int64_t at)
{
    struct bookmark b = {.stream_id = s->id, .position = at};
    memcpy(b.epoch, s->epoch, sizeof b.epoch);
    return b;
}

static void do_save(struct run *r)
{
    size_t i = run_number(r, (uint32_t)r->m->streams + 1);
    int64_t at = run_position(r);
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
    uint32_t every = 1 + run_number(r, 4), vain = run_number(r, 4);
    for (size_t i = r->m->streams; i-- > 0;)
        if (r->m->stream[i].ended_at < 0 && i % every == 0)
            end_stream_at(r, i, run_position(r), i % 4 == vain);
}

static void do_expire(struct run *r)
{
    int64_t seconds = TTL_S / 30 * (1 + run_number(r, 40));
    did(r, "serve %lld s", (long long)seconds);
    serve(r->w, seconds);
    model_serve(r->m, seconds * 1000 + r->unserved_ms, TTL_S * 1000);
    r->unserved_ms = 0;
}

/* Questions follow, which have to be answered as if it had been removed. */
static void do_become_due(struct run *r)
{
    did(r, "what is brief becomes due");
    age(r->w, PASSES_S);
    model_become_due(r->m);
}

/* Then the janitor comes, before anything else happens. */
static void remove_due(struct run *r)
{
    if (!model_take_due(r->m))
        return;
    do
        r->unserved_ms += TIDY_MS;
    while (tidy_a_piece(r->w));
    if (count(r->w, EVENTS) != (int64_t)r->m->rows)
        add(r->theirs, "it keeps %lld", (long long)count(r->w, EVENTS));
    did(r, "remove what is due, and ");
}

static void do_delete_session(struct run *r)
{
    size_t i = run_number(r, (uint32_t)r->m->sessions + 1);
    if (i >= r->m->sessions)
        return;
    did(r, "delete session %zu", i);
    delete_session(r->w, r->m->session[i].id);
    model_delete_session(r->m, i);
}

static void do_put_back(struct run *r)
{
    int64_t n = 1 + run_number(r, 6);
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
    {185, do_publish},       {50, do_publish_rows}, {120, do_publish_one},
    {70, do_delete},         {60, do_forget},       {60, do_set},
    {120, do_save},          {175, do_end},         {110, do_expire},
    {32, do_delete_session}, {3, do_put_back},      {15, do_become_due},
};

void do_step(struct run *r)
{
    uint32_t n = run_number(r, SHARES), at = 0;
    remove_due(r);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        at += kinds[i].share;
        if (n < at) {
            kinds[i].what(r);
            return;
        }
    }
}
