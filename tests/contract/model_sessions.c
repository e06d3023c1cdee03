#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/contract/model.h"

static struct model_session *session_of_id(struct model *m, const char *id)
{
    for (size_t i = 0; i < m->sessions; i++)
        if (strcmp(m->session[i].id, id) == 0)
            return &m->session[i];
    return NULL;
}

static void drop_stream(struct model *m, size_t i)
{
    memmove(&m->stream[i], &m->stream[i + 1], (--m->streams - i) * sizeof m->stream[0]);
}

static void drop_departure(struct model *m, const char *token)
{
    for (size_t i = 0; i < m->departures; i++)
        if (strcmp(m->departure[i].token, token) == 0) {
            m->departure[i] = m->departure[--m->departures];
            return;
        }
}

/* The largest that a stream left and that could be this tab's; one of another epoch is smaller
 * than all. */
static void take_bookmark(struct model *m, const char *session_id, int key, int64_t presented)
{
    size_t taken = m->streams;
    int64_t largest = -2;
    for (size_t i = 0; i < m->streams; i++) {
        const struct model_stream *s = &m->stream[i];
        int64_t at = strcmp(s->epoch, m->end.epoch) == 0 ? s->position : -1;
        if (strcmp(s->session_id, session_id) == 0 && s->key == key && s->ended_at >= 0 &&
            (presented < 0 || at <= presented) && at > largest) {
            taken = i;
            largest = at;
        }
    }
    if (taken < m->streams)
        drop_stream(m, taken);
}

void model_enter(struct model *m, const struct model_claim *c, const struct claim *got,
                 const struct model_filter *f, int64_t presented)
{
    struct model_session *s = session_of_id(m, got->session_id);
    struct model_stream stream = {
        .id = got->stream_id, .key = f->key, .position = c->bookmark, .ended_at = -1};
    if (s) {
        take_bookmark(m, s->id, f->key, presented);
    } else {
        assert(m->sessions < MODEL_SESSIONS);
        s = &m->session[m->sessions++];
        *s = (struct model_session){0};
        strcpy(s->id, got->session_id);
        strcpy(s->token, got->token);
        drop_departure(m, got->token);
    }
    s->reconnections = c->reconnections;
    s->idle_since = -1;
    strcpy(stream.session_id, s->id);
    strcpy(stream.epoch, m->end.epoch);
    assert(m->streams < MODEL_STREAMS);
    m->stream[m->streams++] = stream;
}

void model_save(struct model *m, size_t stream, int64_t position)
{
    m->stream[stream].position = position;
}

void model_delete_session(struct model *m, size_t session)
{
    for (size_t i = m->streams; i-- > 0;)
        if (strcmp(m->stream[i].session_id, m->session[session].id) == 0)
            drop_stream(m, i);
    m->session[session] = m->session[--m->sessions];
}

static struct model_departure *depart(struct model *m, size_t session)
{
    struct model_departure *d = &m->departure[m->departures++];
    assert(m->departures < MODEL_SESSIONS);
    *d = (struct model_departure){.position = -1};
    strcpy(d->token, m->session[session].token);
    strcpy(d->session_id, m->session[session].id);
    return d;
}

/* How many streams a session has, and how many of them are open. */
static size_t streams_of(const struct model *m, const char *session_id, size_t *open)
{
    size_t n = 0;
    *open = 0;
    for (size_t i = 0; i < m->streams; i++)
        if (strcmp(m->stream[i].session_id, session_id) == 0) {
            n++;
            *open += m->stream[i].ended_at < 0;
        }
    return n;
}

void model_end(struct model *m, size_t stream, int64_t position, bool in_vain)
{
    struct model_stream *s = &m->stream[stream];
    struct model_session *session = session_of_id(m, s->session_id);
    size_t open, n = streams_of(m, s->session_id, &open);
    s->position = position;
    if (in_vain && n == 1 && session->reconnections == 0) {
        struct model_departure *d = depart(m, (size_t)(session - m->session));
        d->revives = true;
        d->position = position;
        strcpy(d->epoch, s->epoch);
        model_delete_session(m, (size_t)(session - m->session));
        return;
    }
    s->ended_at = m->served;
    if (open == 1)
        session->idle_since = m->served;
}

/* What has to be known of a session to tell it later whether it may have lost something.  Of
 * bookmarks of several epochs nothing can be said. */
static void note_departure(struct model *m, size_t session)
{
    struct model_departure *d = depart(m, session);
    char own[32];
    bool mixed = false;
    for (size_t i = 0; i < m->streams; i++) {
        const struct model_stream *s = &m->stream[i];
        if (strcmp(s->session_id, d->session_id) != 0)
            continue;
        mixed |= d->epoch[0] && strcmp(d->epoch, s->epoch) != 0;
        strcpy(d->epoch, s->epoch);
        if (d->position < 0 || s->position < d->position)
            d->position = s->position;
    }
    if (mixed)
        d->epoch[0] = '\0';
    snprintf(own, sizeof own, "@%s", d->session_id);
    if (model_box(m, own))
        d->private_to = model_box(m, own)->trimmed_to;
    for (size_t i = 0; i < m->rows; i++)
        if (strcmp(m->row[i].mailbox, own) == 0 && m->row[i].id > d->private_to)
            d->private_to = m->row[i].id;
    d->log_end = m->end.last_id;
    model_empty(m, own);
}

/* What ended since the last round may have ended just now: its time runs from this one. */
void model_serve(struct model *m, int64_t ms, int64_t ttl_ms)
{
    int64_t until = m->served - ttl_ms;
    m->served += ms;
    for (size_t i = m->sessions; i-- > 0;)
        if (m->session[i].idle_since >= 0 && m->session[i].idle_since <= until) {
            note_departure(m, i);
            model_delete_session(m, i);
        }
    for (size_t i = m->streams; i-- > 0;)
        if (m->stream[i].ended_at >= 0 && m->stream[i].ended_at <= until)
            drop_stream(m, i);
}
