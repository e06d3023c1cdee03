/* Data can come in three ways (the body as it is, data= in a form, data= in the address),
 * because people publish with whatever is at hand: curl -d, a form, a hook that can only call
 * an address.  Exactly one has to be there.  Two would leave us to guess which is meant, and
 * a guess would reach every browser. */
#include "fcgi/request/publish.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/number.h"
#include "fcgi/request/form.h"
#include "fcgi/request/reply.h"

/* Form encoding writes a byte as `%xx`, three bytes; the rest is for the other fields, of which
 * QUERY_ITEMS_MAX sessions take the most. */
enum { FORM_GROWTH = 3, FORM_REST = 32768 };

size_t publish_body_max(const struct settings *settings, enum route route)
{
    if (route == ROUTE_BATCH)
        return (size_t)settings->max_event_bytes;
    return (size_t)settings->max_event_bytes * FORM_GROWTH + FORM_REST;
}

/* Take the data from one of data= in the address, data= in the form, and the body as it is. */
static void read_data(struct form *f, const struct request *r, struct publication *p)
{
    const char *form = query_value(&f->body, "data"), *query = query_value(f->query, "data");
    const char *any;
    if (form_values(f, "data", &any, 1) > 1)
        form_wrong(f, "data is given more than once");
    else if (query && !form && r->body_len > 0)
        form_wrong(f, "data is given in the address and as a body");
    else if ((query && f->query->nul) || (form && f->body.nul))
        form_wrong(f, "%%00 cannot be sent in data=; send the data as the body");
    else if (!query && !form && r->body_len == 0)
        form_wrong(f, "the data is missing: send it as the body, or as data=");
    p->data = query ? query : form ? form : r->body;
    p->data_len = !p->data ? 0 : p->data == r->body ? r->body_len : strlen(p->data);
}

static void read_expiry(struct form *f, struct publication *p)
{
    int seconds = 0;
    const char *text = form_text(f, "expires_in", NULL);
    if (text && !number_read(&seconds, text, 10, 1, EVENT_EXPIRES_MAX))
        form_wrong(f, "expires_in must be whole seconds, from 1 to %d", EVENT_EXPIRES_MAX);
    p->expires_in = seconds;
}

static void read_publication(struct form *f, const struct request *r, struct publication *p)
{
    p->channel = form_text(f, "channel", "");
    if (!p->channel[0] && form_values(f, "channel", NULL, 0) > 0) /* an unset variable */
        form_wrong(f, "channel= is empty: name the channel, or leave it out to reach everyone");
    p->type = form_text(f, "type", "message");
    p->key = form_text(f, "key", NULL);
    p->dedup_key = form_text(f, "dedup_key", NULL);
    read_expiry(f, p);
    read_data(f, r, p);
}

/* The publication, or NULL if it was answered.  Memory is asked about first: without it the
 * form was not read, and what is wrong is not known. */
static struct publishing *publish_ready(struct publishing *p)
{
    if (p->form.nomem || !publishing_prepare(p))
        reply_failure(&p->request, STORE_NOMEM, "out of memory");
    else if (p->form.wrong[0])
        reply_error(&p->request, 400, NULL, p->form.wrong);
    else
        return p;
    publishing_free(p);
    return NULL;
}

void publish_refuse_large(const struct settings *settings, struct request *r)
{
    char sentence[128];
    bool batch = route_of(r) == ROUTE_BATCH;
    snprintf(sentence, sizeof sentence, "the %s is larger than max_event_bytes (%lld)%s",
             batch ? "batch" : "data", (long long)settings->max_event_bytes,
             batch ? ": send it in several, or a row alone by broadcast" : "");
    reply_error(r, 413, NULL, sentence);
}

struct publishing *publish_take(const struct settings *settings, struct request *r,
                                struct query *q)
{
    if (r->body_too_large) {
        publish_refuse_large(settings, r);
        return NULL;
    }
    struct publishing *p = publishing_new(r, q);
    if (!p)
        reply_failure(r, STORE_NOMEM, "out of memory");
    return p;
}

/* Begin a publication of one event, as far as both kinds are alike.  NULL: it was answered. */
static struct publishing *publish_begin(const struct settings *settings, struct request *r,
                                        struct query *q, enum route route)
{
    struct publishing *p = publish_take(settings, r, q);
    if (!p)
        return NULL;
    form_read(&p->form, &p->request, &p->query, "data");
    form_fit(&p->form, route);
    return p;
}

struct publishing *publish_broadcast(const struct settings *settings, struct request *r,
                                     struct query *q)
{
    struct publishing *p = publish_begin(settings, r, q, ROUTE_BROADCAST);
    if (!p)
        return NULL;
    /* Otherwise a form whose data= was forgotten would be published as it is, to everyone:
     * `channel=room-7` and all. */
    form_whole(&p->form, &p->request, "data", "channel");
    form_whole(&p->form, &p->request, "data", "session");
    read_publication(&p->form, &p->request, &p->appending.what);
    return publish_ready(p);
}

static void read_sessions(struct publishing *p)
{
    struct form *f = &p->form;
    size_t count = form_values(f, "session", NULL, 0);
    if (count == 0)
        form_wrong(f, "session= is missing: name the session that the event is for");
    if (count > QUERY_ITEMS_MAX)
        form_wrong(f, "at most %d sessions at a time", QUERY_ITEMS_MAX);
    p->sessions = calloc(count + 1, sizeof *p->sessions);
    if (!p->sessions) {
        f->nomem = true;
        return;
    }
    p->appending.what.session_count = form_values(f, "session", p->sessions, count);
    p->appending.what.sessions = p->sessions;
    for (size_t i = 0; i < count; i++)
        if (!p->sessions[i][0] || !query_is_plain(p->sessions[i]))
            form_wrong(f, "session= is not a session's id");
}

struct publishing *publish_send(const struct settings *settings, struct request *r,
                                struct query *q)
{
    struct publishing *p = publish_begin(settings, r, q, ROUTE_SEND);
    if (!p)
        return NULL;
    read_sessions(p);
    read_publication(&p->form, &p->request, &p->appending.what);
    return publish_ready(p);
}
