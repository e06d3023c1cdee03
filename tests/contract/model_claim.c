#include <stdio.h>
#include <string.h>

#include "tests/contract/model.h"

/* ---- who it is --------------------------------------------------------------------- */

static const struct model_session *session_of_token(const struct model *m, const char *token)
{
    for (size_t i = 0; token && i < m->sessions; i++)
        if (strcmp(m->session[i].token, token) == 0)
            return &m->session[i];
    return NULL;
}

static const struct model_departure *departure_of(const struct model *m, const char *token)
{
    for (size_t i = 0; token && i < m->departures; i++)
        if (strcmp(m->departure[i].token, token) == 0)
            return &m->departure[i];
    return NULL;
}

/* Where its streams would begin again: the smallest of this epoch; -1: there is none. */
static int64_t bookmark_of(const struct model *m, const char *session_id, int key,
                           bool *foreign)
{
    int64_t smallest = -1;
    *foreign = false;
    for (size_t i = 0; i < m->streams; i++) {
        const struct model_stream *s = &m->stream[i];
        if (strcmp(s->session_id, session_id) != 0 || s->key != key)
            continue;
        if (strcmp(s->epoch, m->end.epoch) != 0)
            *foreign = true;
        else if (smallest < 0 || s->position < smallest)
            smallest = s->position;
    }
    return smallest;
}

/* ---- where it starts --------------------------------------------------------------- */

/* Just before the newest n rows of the filter, or so many as there are. */
static int64_t before_newest(const struct model *m, const struct model_filter *f, int64_t n)
{
    int64_t at = m->end.last_id;
    for (size_t i = m->rows; n > 0 && i-- > 0;)
        if (model_wants(f, &m->row[i])) {
            at = m->row[i].id - 1;
            n--;
        }
    return at;
}

static bool any_in(const struct model *m, const struct model_filter *f, int64_t after,
                   int64_t to)
{
    int64_t oldest = model_oldest(m, f, after);
    return oldest && oldest <= to;
}

/* Whether a session that is gone may have lost something of its own behind `at`. */
static bool lost_own(const struct model *m, const struct model_departure *d, int64_t at)
{
    char own[32];
    int64_t trimmed = 0;
    snprintf(own, sizeof own, "@%s", d->session_id);
    if (model_box(m, own))
        trimmed = model_box(m, own)->trimmed_to;
    else if (m->forgotten_to > d->log_end)
        trimmed = m->forgotten_to;
    for (size_t i = 0; i < m->rows; i++)
        if (m->row[i].id > at && !m->row[i].due && strcmp(m->row[i].mailbox, own) == 0)
            return true;
    return d->private_to > at || trimmed > at;
}

static bool trimmed_behind(const struct model *m, const struct model_filter *f, bool own,
                           int64_t at)
{
    char mailbox[32];
    bool trimmed = model_trimmed_to(m, "") > at;
    for (size_t i = 0; i < f->channels; i++)
        trimmed |= model_trimmed_to(m, f->channel[i]) > at;
    snprintf(mailbox, sizeof mailbox, "@%s", f->session_id);
    return trimmed || (own && model_trimmed_to(m, mailbox) > at);
}

static bool may_have_lost(const struct model *m, const struct model_departure *d,
                          const struct model_filter *f, int64_t says, int64_t start)
{
    if (!d || strcmp(d->epoch, m->end.epoch) != 0)
        return true;
    if (lost_own(m, d, says >= 0 ? says : d->position))
        return true;
    return says < 0 &&
           (any_in(m, f, d->position, start) || trimmed_behind(m, f, false, d->position));
}

static void count_rows(const struct model *m, const struct model_filter *f,
                       struct model_claim *out)
{
    for (size_t i = 0; i < m->rows; i++) {
        if (m->row[i].id <= out->cursor)
            continue;
        out->count += model_wants(f, &m->row[i]);
        if (m->row[i].mailbox[0] == '@' && model_listens(f, m->row[i].mailbox))
            out->private_to = m->row[i].id;
    }
}

/* The id that was presented, if it says what the client has. */
static int64_t find_at_id(const struct model *m, int64_t presented, const char *epoch,
                          struct model_claim *out)
{
    if (presented < 0)
        out->gap = GAP_UNKNOWN;
    else if (strcmp(epoch, m->end.epoch) != 0)
        out->gap = GAP_EPOCH;
    else if (presented > m->end.last_id)
        out->gap = GAP_FUTURE;
    return out->gap == GAP_NONE ? presented : -1;
}

/* What it is told to have missed, and where that moves it. */
static void tell(const struct model *m, const struct model_filter *f, int64_t at, bool resumes,
                 bool lost, struct model_claim *out)
{
    if (resumes && trimmed_behind(m, f, out->reconnection, at))
        out->gap = GAP_TRIMMED;
    if (out->gap == GAP_NONE && !lost)
        return;
    out->gap_from = resumes ? at : -1;
    out->gap_oldest = model_oldest(m, f, at);
    if (out->gap == GAP_TRIMMED)
        out->cursor = out->gap_oldest ? out->gap_oldest - 1 : out->until;
    if (lost)
        out->gap = GAP_SESSION;
}

/* Where the session stood: the smallest of its bookmarks, or what is remembered of a poll. */
static int64_t stood_at(const struct model *m, const struct model_session *s,
                        const struct model_departure *revived, int key, bool *foreign)
{
    int64_t at = -1;
    *foreign = false;
    if (s)
        at = bookmark_of(m, s->id, key, foreign);
    if (revived && strcmp(revived->epoch, m->end.epoch) == 0)
        at = revived->position;
    if (revived && at < 0)
        *foreign = true;
    return at;
}

/* Where it starts, were it not for what it had. */
static int64_t asked_for(const struct model *m, const struct model_filter *f,
                         enum start_at start, int64_t newest)
{
    if (start == START_EARLIEST && model_oldest(m, f, 0))
        return model_oldest(m, f, 0) - 1;
    return start == START_NEWEST ? before_newest(m, f, newest) : m->end.last_id;
}

void model_claim(const struct model *m, const char *token, struct model_filter *f,
                 enum start_at start, int64_t presented, const char *presented_epoch,
                 int64_t newest, struct model_claim *out)
{
    const struct model_session *s = session_of_token(m, token);
    const struct model_departure *d = s ? NULL : departure_of(m, token);
    const struct model_departure *revived = d && d->revives ? d : NULL;
    bool foreign, says = presented >= 0 && strcmp(presented_epoch, m->end.epoch) == 0;
    int64_t resumed = -1;
    *out = (struct model_claim){.until = m->end.last_id, .gap_from = -1};
    out->reconnection = s || revived;
    out->made = !out->reconnection;
    out->reconnections = s ? s->reconnections + 1 : revived ? 1 : 0;
    f->session_id = out->session_id = s ? s->id : revived ? d->session_id : "";
    int64_t bookmark = stood_at(m, s, revived, f->key, &foreign);
    int64_t at = asked_for(m, f, start, newest);
    if (start == START_AT_ID)
        resumed = find_at_id(m, presented, presented_epoch, out);
    if (start == START_NEWEST || start == START_UNSAID) {
        out->gap = bookmark < 0 && foreign ? GAP_EPOCH : GAP_NONE;
        resumed = bookmark <= at ? bookmark : -1;
    }
    out->cursor = out->bookmark = resumed >= 0 ? resumed : at;
    bool lost =
        token && out->made && may_have_lost(m, d, f, says ? presented : -1, out->bookmark);
    tell(m, f, out->bookmark, resumed >= 0, lost, out);
    count_rows(m, f, out);
}
