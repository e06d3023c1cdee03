#include "fcgi/request/publish.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/request/cgi.h"
#include "fcgi/request/form.h"
#include "fcgi/request/intake.h"
#include "fcgi/base/monotonic.h"
#include "fcgi/request/reply.h"

enum { FORM_GROWTH = 3, FORM_REST = 4096, SLICE_MS = 100 /* between looks at a stop */ };

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
    if (!p->channel[0] && form_values(f, "channel", NULL, 0) > 0) /* an unset variable */
        form_wrong(f, "channel= is empty: name the channel, or leave it out to reach everyone");
    p->type = form_text(f, "type", "message");
    p->dedup_key = form_text(f, "dedup_key", NULL);
    read_data(f, r, p);
}

/* Try for STORE_PATIENCE_MS, in slices, so that a plain CGI process that is told to end, and
 * has nobody who would hear it meanwhile, does not wait for a lock that long.  What was not
 * committed by then is not tried again. */
static void append_here(struct store *s, struct appending *a)
{
    int64_t until = monotonic_ms() + STORE_PATIENCE_MS;

    while (store_append_all(s, &a, 1, SLICE_MS) == STORE_BUSY) {
        if (cgi_told_to_end()) {
            snprintf(a->why, sizeof a->why, "%s", CGI_STOPPING);
            return;
        }
        if (monotonic_ms() >= until)
            return;
    }
}

/* By the publisher's thread, or, where there is none, here. */
static void publish_commit(struct store *s, struct publisher *publisher, struct publishing *p)
{
    if (publisher != NULL && publisher_post(publisher, p))
        return;
    append_here(s, &p->appending);
    publishing_answer(p, NULL);
}

/* Publish it, unless something about it is wrong; without memory that is not known. */
static void publish_finish(struct store *s, struct publisher *publisher, struct publishing *p)
{
    if (p->form.nomem || !publishing_prepare(p)) {
        reply_failure(&p->request, STORE_NOMEM, "out of memory");
    } else if (p->form.wrong[0] != '\0') {
        reply_error(&p->request, 400, NULL, p->form.wrong);
    } else {
        publish_commit(s, publisher, p);
        return;
    }
    publishing_free(p);
}

void publish_refuse_large(const struct settings *settings, struct request *r)
{
    char sentence[128];

    snprintf(sentence, sizeof sentence, "the data is larger than max_event_bytes (%lld)",
             (long long)settings->max_event_bytes);
    reply_error(r, 413, NULL, sentence);
}

/* The publication that `r` asks for, as far as both kinds are alike.  NULL: it was answered. */
static struct publishing *publish_begin(const struct settings *settings, struct request *r,
                                        struct query *q, enum route route)
{
    if (r->body_too_large) {
        publish_refuse_large(settings, r);
        return NULL;
    }
    struct publishing *p = publishing_new(r, q);
    if (p == NULL) {
        reply_failure(r, STORE_NOMEM, "out of memory");
        return NULL;
    }
    form_read(&p->form, &p->request, &p->query, "data");
    form_fit(&p->form, route);
    return p;
}

void publish_broadcast(struct store *s, struct publisher *publisher,
                       const struct settings *settings, struct request *r, struct query *q)
{
    struct publishing *p = publish_begin(settings, r, q, ROUTE_BROADCAST);

    if (p == NULL)
        return;
    form_whole(&p->form, &p->request, "data", "channel");
    form_whole(&p->form, &p->request, "data", "session");
    read_publication(&p->form, &p->request, &p->appending.what);
    publish_finish(s, publisher, p);
}

static void read_sessions(struct publishing *p)
{
    struct form *f = &p->form;
    size_t count = form_values(f, "session", NULL, 0);

    if (count == 0)
        form_wrong(f, "session= is missing: whom is it for?");
    if (count > QUERY_ITEMS_MAX)
        form_wrong(f, "at most %d sessions at a time", QUERY_ITEMS_MAX);
    p->sessions = calloc(count + 1, sizeof *p->sessions);
    if (p->sessions == NULL) {
        f->nomem = true;
        return;
    }
    p->appending.what.session_count = form_values(f, "session", p->sessions, count);
    p->appending.what.sessions = p->sessions;
    for (size_t i = 0; i < count; i++)
        if (p->sessions[i][0] == '\0' || !query_is_plain(p->sessions[i]))
            form_wrong(f, "session= is not a session's id");
}

void publish_send(struct store *s, struct publisher *publisher, const struct settings *settings,
                  struct request *r, struct query *q)
{
    struct publishing *p = publish_begin(settings, r, q, ROUTE_SEND);

    if (p == NULL)
        return;
    read_sessions(p);
    read_publication(&p->form, &p->request, &p->appending.what);
    publish_finish(s, publisher, p);
}
