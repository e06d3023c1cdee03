/* The calls of store.h, passed on to the engine that owns the address.  The rules that hold for
 * every engine alike live here or beside here: what `why` says when a call begins, one append as
 * a group of one, and the steps of a claim (claim.c). */
#include "store/engine.h"

#include <string.h>

/* All engines.  The first that owns an address opens it, or else the last one does: an address
 * that no engine owns was refused by address_check() before. */
static const struct store_engine *const engines[] = {&sqlite_engine, NULL};

enum store_result store_open(struct store **out, const char *address)
{
    const struct store_engine *const *e = engines;
    while (e[1] && !(*e)->owns(address))
        e++;
    enum store_result r = (*e)->open(out, address);
    if (r == STORE_OK)
        (*out)->engine = *e;
    return r;
}

void store_close(struct store *s)
{
    if (s)
        s->engine->close(s);
}

const char *store_why(const struct store *s)
{
    return s->why;
}

void store_deadline(int ms)
{
    for (const struct store_engine *const *e = engines; *e; e++)
        (*e)->deadline(ms);
}

/* Each call begins with its own sentence, so that an old one is never taken for the new one's. */
static const struct store_engine *engine_of(struct store *s)
{
    s->why[0] = '\0';
    return s->engine;
}

bool store_rest(struct store *s)
{
    return engine_of(s)->rest(s);
}

enum store_result store_where(struct store *s, struct store_end *out)
{
    return engine_of(s)->where(s, out);
}

enum store_result store_read(struct store *s, const struct store_question *q,
                             const struct store_sink *sink, int64_t *through)
{
    return engine_of(s)->read(s, q, sink, through);
}

enum store_result store_wait(struct store *s, int64_t after, int timeout_ms)
{
    return engine_of(s)->wait(s, after, timeout_ms);
}

/* Any thread may wake, so this one must not touch `why`, which is the owner's. */
void store_wake(struct store *s)
{
    s->engine->wake(s);
}

enum store_result store_append_all(struct store *s, struct appending *const *items, size_t n,
                                   int patience_ms)
{
    return engine_of(s)->append_all(s, items, n, patience_ms);
}

enum store_result store_settings_newer(struct store *s, const struct settings *have,
                                       struct settings **newer)
{
    return engine_of(s)->settings_newer(s, have, newer);
}

enum store_result store_environment(struct store *s, void (*say)(void *arg, const char *line),
                                    void *arg)
{
    return engine_of(s)->environment(s, say, arg);
}

enum store_result store_fit(struct store *s)
{
    return engine_of(s)->fit(s);
}

enum store_result store_upkeep(struct store *s, bool *worked)
{
    return engine_of(s)->upkeep(s, worked);
}

enum store_result store_join(struct store *s)
{
    return engine_of(s)->join(s);
}

enum store_result store_save(struct store *s, const struct bookmark *b, size_t n)
{
    return engine_of(s)->save(s, b, n);
}

enum store_result store_ended(struct store *s, const struct bookmark *b, size_t n)
{
    return engine_of(s)->ended(s, b, n);
}

enum store_result store_beat(struct store *s, int64_t *stream_ids, size_t max, size_t *n)
{
    return engine_of(s)->beat(s, stream_ids, max, n);
}

enum store_result store_disconnect(struct store *s, const char *session_id)
{
    return engine_of(s)->disconnect(s, session_id);
}

enum store_result store_tend(struct store *s, const struct settings *settings,
                             int64_t elapsed_ms, int *again_ms)
{
    return engine_of(s)->tend(s, settings, elapsed_ms, again_ms);
}

enum store_result store_stats(struct store *s, struct store_stats *out)
{
    return engine_of(s)->stats(s, out);
}

enum store_result store_check(struct store *s, void (*say)(void *arg, const char *line),
                              void *arg)
{
    return engine_of(s)->check(s, say, arg);
}

size_t publication_rows(const struct publication *p)
{
    if (p->rows)
        return p->rows->count;
    return p->session_count > 0 ? p->session_count : 1;
}

/* The item has the result, also when the group as a whole was STORE_OK. */
enum store_result store_append(struct store *s, const struct publication *p, int64_t *ids,
                               char epoch[EPOCH_SIZE])
{
    struct appending one = {.what = *p, .ids = ids}, *item = &one;
    store_append_all(s, &item, 1, STORE_PATIENCE_MS);
    memcpy(epoch, one.epoch, EPOCH_SIZE);
    memcpy(s->why, one.why, sizeof s->why);
    return one.result;
}
