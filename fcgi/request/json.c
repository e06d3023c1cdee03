/* jansson escapes and writes; this file knows what goes into which answer.  Two things jansson
 * does not do.  It refuses text that is not UTF-8, and a path or a header may hold any bytes,
 * so such text is repaired and offered again.  And each of its calls can fail for want of
 * memory: failures are gathered in one flag, because an answer that lacks a member would be
 * worse than none. */
#include "fcgi/request/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/utf8.h"

/* An object that is being made.  Where jansson has no memory for a value it gives NULL, and to
 * set a NULL fails.  So one look, when the object is finished, is enough. */
struct making {
    json_t *object;
    bool failed;
};

static struct making begin(void)
{
    return (struct making){.object = json_object()};
}

static void json_put(struct making *m, const char *key, json_t *value)
{
    m->failed |= json_object_set_new(m->object, key, value) != 0;
}

static char *finish(struct making *m, size_t flags)
{
    char *text = m->failed ? NULL : json_dumps(m->object, JSON_COMPACT | flags);
    json_decref(m->object);
    return text;
}

/* The same text with U+FFFD for what is not UTF-8; only for what jansson refused. */
static json_t *repaired(const char *text, size_t len)
{
    char *copy = malloc(len * strlen(UTF8_REPLACEMENT) + 1), *to = copy;
    if (!copy)
        return NULL;
    for (size_t at = 0, part; at < len; at += part) {
        bool sound;
        part = utf8_part((const unsigned char *)text + at, len - at, &sound);
        to = sound ? mempcpy(to, text + at, part) : stpcpy(to, UTF8_REPLACEMENT);
    }
    json_t *string = json_stringn(copy, (size_t)(to - copy));
    free(copy);
    return string;
}

static json_t *json_bytes(const char *bytes, size_t len)
{
    json_t *string = json_stringn(bytes, len);
    return string ? string : repaired(bytes, len);
}

static json_t *json_text(const char *text)
{
    return json_bytes(text, strlen(text));
}

/* The store says -1 for a number that it cannot tell now. */
static json_t *known(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static json_t *id_of(const char *epoch, int64_t id)
{
    char text[EVENT_ID_SIZE];
    event_id_format(text, epoch, id);
    return json_string(text);
}

char *json_of_error(const char *sentence)
{
    struct making m = begin();
    json_put(&m, "error", json_text(sentence));
    return finish(&m, 0);
}

static json_t *config_of(struct making *whole, const struct settings *settings)
{
    struct making m = begin();
    json_put(&m, "buffer_size", json_integer(settings->buffer_size));
    json_put(&m, "buffer_ttl_seconds", json_integer(settings->buffer_ttl));
    json_put(&m, "reconnection_enabled", json_boolean(settings->enable_reconnection));
    whole->failed |= m.failed;
    return m.object;
}

static json_t *log_of(struct making *whole, const struct store_stats *s)
{
    struct making m = begin();
    bool empty = s->oldest_id == 0;
    json_put(&m, "path", json_text(s->where));
    json_put(&m, "epoch", json_string(s->end.epoch));
    json_put(&m, "last_event_id", id_of(s->end.epoch, s->end.last_id));
    json_put(&m, "oldest_event_id", empty ? json_null() : id_of(s->end.epoch, s->oldest_id));
    json_put(&m, "oldest_event_at", empty ? json_null() : json_integer(s->oldest_at));
    json_put(&m, "events", json_integer(s->events));
    json_put(&m, "mailboxes", json_integer(s->mailboxes));
    json_put(&m, "trimmed_to", json_integer(s->end.trimmed_to));
    json_put(&m, "bytes", json_integer(s->bytes));
    whole->failed |= m.failed;
    return m.object;
}

char *json_of_stats(const struct store_stats *stats, const struct settings *settings)
{
    struct making m = begin();
    bool counted = stats->sessions >= 0 && stats->active >= 0;
    json_put(&m, "active_clients", known(stats->streams));
    json_put(&m, "total_sessions", known(stats->sessions));
    json_put(&m, "buffered_sessions", known(counted ? stats->sessions - stats->active : -1));
    json_put(&m, "responders", known(stats->responders));
    json_put(&m, "config", config_of(&m, settings));
    json_put(&m, "log", log_of(&m, stats));
    return finish(&m, 0);
}

static json_t *ids_of(struct making *whole, const struct appending *a)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < publication_rows(&a->what); i++)
        whole->failed |= json_array_append_new(ids, id_of(a->epoch, a->ids[i])) != 0;
    return ids;
}

char *json_of_published(const struct appending *a)
{
    struct making m = begin();
    if (!a->what.rows)
        json_put(&m, "id", id_of(a->epoch, a->ids[0]));
    if (a->what.rows || a->what.session_count > 0)
        json_put(&m, "ids", ids_of(&m, a));
    return finish(&m, 0);
}

struct json_history {
    json_t *events;
    char epoch[EPOCH_SIZE];
};

struct json_history *json_history_new(void)
{
    struct json_history *h = calloc(1, sizeof *h);
    if (h)
        h->events = json_array();
    return h;
}

void json_history_free(struct json_history *h)
{
    if (!h)
        return;
    json_decref(h->events);
    free(h);
}

void json_history_begin(struct json_history *h, const char *epoch)
{
    json_array_clear(h->events);
    memcpy(h->epoch, epoch, sizeof h->epoch);
}

static json_t *event_channel(const struct event *e)
{
    return e->mailbox[0] == MAILBOX_MARK ? json_null() : json_text(e->mailbox);
}

bool json_history_add(struct json_history *h, const struct event *e)
{
    struct making m = begin();
    json_put(&m, "id", id_of(h->epoch, e->id));
    json_put(&m, "channel", event_channel(e));
    json_put(&m, "type", json_text(e->type));
    json_put(&m, "data", json_bytes(e->data, e->data_len));
    json_put(&m, "at", json_integer(e->created_at));
    json_put(&m, "key", e->key ? json_text(e->key) : json_null());
    m.failed |= json_array_append_new(h->events, m.object) != 0;
    return !m.failed;
}

static json_t *gap_of(struct making *whole, const struct history *a)
{
    struct making m = begin();
    if (a->gap == GAP_NONE) {
        json_decref(m.object);
        return json_null();
    }
    json_put(&m, "reason", json_string(gap_reason_text(a->gap)));
    json_put(&m, "from", a->gap_from < 0 ? json_null() : id_of(a->epoch, a->gap_from));
    json_put(&m, "oldest", a->gap_oldest == 0 ? json_null() : id_of(a->epoch, a->gap_oldest));
    whole->failed |= m.failed;
    return m.object;
}

char *json_of_history(struct json_history *h, const struct history *end)
{
    struct making m = begin();
    json_put(&m, "events", h->events);
    h->events = NULL;
    json_put(&m, "next", id_of(end->epoch, end->next));
    json_put(&m, "gap", gap_of(&m, end));
    json_put(&m, "more", json_boolean(end->more));
    return finish(&m, 0);
}

/* Each byte from 0x80 on becomes two bytes of UTF-8, so any header is valid text afterwards. */
static json_t *latin1(const char *text)
{
    char *utf8 = malloc(2 * strlen(text) + 1), *to = utf8;
    if (!utf8)
        return NULL;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x80)
            *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    json_t *string = json_stringn(utf8, (size_t)(to - utf8));
    free(utf8);
    return string;
}

/* The size is asked of jansson after each header, since only jansson knows how long a value is
 * once it is escaped. */
char *json_of_headers(const struct json_header *headers, size_t n, size_t max)
{
    enum { FLAGS = JSON_COMPACT | JSON_ENSURE_ASCII };
    struct making m = begin();
    for (size_t i = 0; i < n; i++) {
        json_put(&m, headers[i].name, latin1(headers[i].value));
        size_t size = json_dumpb(m.object, NULL, 0, FLAGS);
        m.failed |= size == 0;
        if (size > max)
            json_object_del(m.object, headers[i].name);
    }
    return finish(&m, FLAGS);
}
