/* The states of a stream, and which may follow which (hub_internal.h has the table). */
#include <assert.h>
#include <utlist.h>

#include "fcgi/hub/hub_internal.h"

#define TO(state) (1U << STREAM_##state)

static bool may_follow(enum stream_state from, enum stream_state to)
{
    static const unsigned table[] = {[STREAM_NEW] = TO(WRITES),
                                     [STREAM_WRITES] = TO(WAITS) | TO(STRAYS) | TO(ASKS) |
                                                       TO(PUTS_OFF) | TO(BLOCKED),
                                     [STREAM_WAITS] = TO(WRITES),
                                     [STREAM_STRAYS] = TO(WRITES),
                                     [STREAM_ASKS] = TO(WRITES) | TO(PUTS_OFF),
                                     [STREAM_PUTS_OFF] = TO(WRITES),
                                     [STREAM_BLOCKED] = TO(WRITES)};
    if (to == STREAM_CLOSED)
        return from != STREAM_CLOSED;
    return from != STREAM_CLOSED && table[from] & 1U << to;
}

static bool may_have_asked(enum stream_state state)
{
    return (TO(ASKS) | TO(WRITES) | TO(BLOCKED)) & 1U << state;
}

/* A heartbeat takes a stream from STRAYS to WRITES, and to BLOCKED if its socket is full,
 * though nothing has changed about its log.  So only a state that tells that its log was found
 * ends the count. */
static void note_straying(struct stream *s, enum stream_state to)
{
    if (to == STREAM_STRAYS && s->strays_since == 0)
        s->strays_since = uv_now(&s->hub->loop);
    if (to == STREAM_WAITS || to == STREAM_ASKS || to == STREAM_PUTS_OFF)
        s->strays_since = 0;
}

void stream_move(struct stream *s, enum stream_state to)
{
    const bool follows = may_follow(s->state, to);
    const bool fits_the_question = s->pending ? may_have_asked(to) : to != STREAM_ASKS;
    assert(follows && fits_the_question);
    (void)follows, (void)fits_the_question;
    if (s->state == STREAM_BLOCKED)
        DL_DELETE(s->hub->blocked, s);
    if (to == STREAM_BLOCKED)
        DL_APPEND(s->hub->blocked, s);
    note_straying(s, to);
    s->state = to;
}
