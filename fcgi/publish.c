#include "fcgi/publish.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/buffer.h"
#include "fcgi/form.h"
#include "fcgi/reply.h"

enum { FORM_GROWTH = 3, FORM_REST = 4096 };

size_t publish_body_max(const struct settings *settings)
{
    return (size_t)settings->max_event_bytes * FORM_GROWTH + FORM_REST;
}

/* The data: one of data= in the address, data= in the form, the body as it is. */
static void read_data(struct form *f, const struct request *r, struct publication *p)
{
    const char *form = query_value(&f->body, "data"), *query = query_value(f->query, "data");
    const char *any;

    if (form_values(f, "data", &any, 1) > 1)
        form_wrong(f, "data is given more than once");
    else if (query != NULL && form == NULL && r->body_len > 0)
        form_wrong(f, "data is given in the address and as a body");
    else if ((query != NULL && f->query->nul) || (form != NULL && f->body.nul))
        form_wrong(f, "%%00 can not be sent in data=; send the data as the body");
    else if (query == NULL && form == NULL && r->body_len == 0)
        form_wrong(f, "the data is missing: send it as the body, or as data=");
    p->data = query != NULL ? query : form != NULL ? form : r->body;
    p->data_len = p->data == NULL ? 0 : p->data == r->body ? r->body_len : strlen(p->data);
}

static void read_publication(struct form *f, const struct request *r, struct publication *p)
{
    p->channel = form_text(f, "channel", "");
    p->type = form_text(f, "type", "message");
    p->dedup_key = form_text(f, "dedup_key", NULL);
    read_data(f, r, p);
}

static void add_id(struct buffer *out, const char *epoch, int64_t id)
{
    char text[EVENT_ID_SIZE];

    event_id_format(text, epoch, id);
    buffer_printf(out, "\"%s\"", text);
}

static void answer_ids(struct request *r, const struct publication *p, const int64_t *ids,
                       const char *epoch)
{
    struct buffer json = {0};

    buffer_text(&json, "{\"id\":");
    add_id(&json, epoch, ids[0]);
    for (size_t i = 0; i < p->session_count; i++) {
        buffer_text(&json, i == 0 ? ",\"ids\":[" : ",");
        add_id(&json, epoch, ids[i]);
    }
    buffer_text(&json, p->session_count > 0 ? "]}" : "}");
    buffer_add(&json, "", 1);
    /* It is in the log, whatever memory says now. */
    reply_json(r, 200, NULL, json.failed ? "{}" : json.bytes);
    buffer_free(&json);
}

static void append(struct store *s, struct request *r, const struct publication *p)
{
    size_t count = p->session_count > 0 ? p->session_count : 1;
    int64_t *ids = calloc(count, sizeof *ids);
    char epoch[EPOCH_SIZE];
    enum store_result result = STORE_NOMEM;

    if (ids != NULL)
        result = store_append(s, p, ids, epoch);
    if (result == STORE_OK)
        answer_ids(r, p, ids, epoch);
    else
        reply_failure(r, result, ids == NULL ? "out of memory" : store_why(s));
    free(ids);
}

/* Publish it, unless something about it is wrong; without memory that is not known. */
static void finish(struct store *s, struct request *r, const struct form *f,
                   const struct publication *p)
{
    if (f->nomem)
        reply_failure(r, STORE_NOMEM, "out of memory");
    else if (f->wrong[0] != '\0')
        reply_error(r, 400, NULL, f->wrong);
    else
        append(s, r, p);
}

static bool is_too_large(const struct settings *settings, struct request *r)
{
    char sentence[128];

    if (!r->body_too_large)
        return false;
    snprintf(sentence, sizeof sentence, "the data is larger than max_event_bytes (%lld)",
             (long long)settings->max_event_bytes);
    reply_error(r, 413, NULL, sentence);
    return true;
}

void publish_broadcast(struct store *s, const struct settings *settings, struct request *r,
                       const struct query *q)
{
    struct form f;
    struct publication p = {0};

    if (is_too_large(settings, r))
        return;
    form_read(&f, r, q, "data");
    if (form_values(&f, "session", NULL, 0) > 0) /* meant for one, it must not reach all */
        form_wrong(&f, "session= belongs to /send, not to /broadcast");
    read_publication(&f, r, &p);
    finish(s, r, &f, &p);
    form_free(&f);
}

static void read_sessions(struct form *f, const char **sessions, size_t count)
{
    if (count == 0)
        form_wrong(f, "session= is missing: whom is it for?");
    if (count > QUERY_ITEMS_MAX)
        form_wrong(f, "at most %d sessions at a time", QUERY_ITEMS_MAX);
    for (size_t i = 0; i < count && i < QUERY_ITEMS_MAX; i++)
        if (sessions[i][0] == '\0' || !query_is_plain(sessions[i]))
            form_wrong(f, "session= is not a session's id");
    if (form_values(f, "channel", NULL, 0) > 0)
        form_wrong(f, "channel= belongs to /broadcast, not to /send");
}

void publish_send(struct store *s, const struct settings *settings, struct request *r,
                  const struct query *q)
{
    struct form f;
    const char *sessions[QUERY_ITEMS_MAX];
    struct publication p = {.sessions = sessions};

    if (is_too_large(settings, r))
        return;
    form_read(&f, r, q, "data");
    p.session_count = form_values(&f, "session", sessions, QUERY_ITEMS_MAX);
    read_sessions(&f, sessions, p.session_count);
    read_publication(&f, r, &p);
    finish(s, r, &f, &p);
    form_free(&f);
}
