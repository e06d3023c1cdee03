/* Here a request leaves the request room.  What it may still need (a hub, the publisher, a
 * place to wait in) is at hand here, and the request room only says what is to be done (struct
 * outcome).  So a request goes in one direction: intake, judgement, body, answer, and then the
 * hub, the publisher, or the end. */
#include "fcgi/hub/attend.h"

#include "fcgi/base/monotonic.h"
#include "fcgi/request/publish.h"
#include "fcgi/request/route.h"

static const char NO_MEMORY[] = "out of memory";

void attendant_begin(struct attendant *a, const struct worker_context *c)
{
    *a = (struct attendant){.context = c};
    a->answerer.board = c->board;
}

void attendant_end(struct attendant *a)
{
    settings_unref(a->answerer.settings);
    store_close(a->answerer.store);
    a->answerer.settings = NULL;
    a->answerer.store = NULL;
}

bool attendant_open(struct attendant *a)
{
    struct answerer *n = &a->answerer;
    if (!n->store && store_open(&n->store, a->context->db_path) != STORE_OK)
        n->store = NULL;
    return n->store;
}

void attendant_idle(struct attendant *a)
{
    if (a->answerer.store)
        store_rest(a->answerer.store);
}

/* The hub, if the request is for a stream and there is room for it. */
static struct hub *hub_with_room(const struct attendant *a, const struct settings *settings,
                                 const struct request *r)
{
    struct hub *h = NULL;
    if (answer_wants_hub(r, settings))
        h = a->context->start_streaming(a->context->arg);
    return h && !hub_is_full(h) ? h : NULL;
}

/* The publisher commits, or this thread if there is no publisher or no thread for it. */
static void commit(struct attendant *a, struct publishing *p)
{
    struct publisher *publisher = a->context->publisher;
    if (!publisher || !publisher_post(publisher, p))
        publishing_commit(p, a->answerer.store);
}

/* Answer a request.  True: it is a stream, which the hub has or will have.  A claim that cannot
 * be put aside after all is made at once: then a reload may begin a little too early, which
 * only repeats rows. */
static bool attend_answer(struct attendant *a, struct settings *settings, struct request *r)
{
    const struct worker_context *c = a->context;
    if (!a->answerer.store) {
        answer_put_off(settings, r, NO_MEMORY);
        return false;
    }
    struct hub *h = hub_with_room(a, settings, r);
    enum answer_room room = c->put_aside ? ANSWER_MAY_WAIT : ANSWER_AT_ONCE;
    struct outcome o = answer(&a->answerer, settings, r, h ? room : ANSWER_NO_ROOM);
    if (o.waits && c->put_aside && c->put_aside(c->arg, r, settings))
        return true;
    if (o.waits)
        o = answer(&a->answerer, settings, r, ANSWER_AT_ONCE);
    if (o.publishing)
        commit(a, o.publishing);
    if (o.ticket)
        hub_serve(h, o.ticket);
    return o.ticket;
}

bool attendant_finish(struct attendant *a, struct settings *settings, struct request *r)
{
    bool streams = attend_answer(a, settings, r);
    request_end(r);
    return streams;
}

void attendant_release(struct attendant *a)
{
    store_close(a->answerer.store);
    a->answerer.store = NULL;
}

/* The headers are complete: decide what comes next.  A request without a body is read to its
 * end all the same (intake_want with 0), so that nothing unread resets the connection. */
static void judge(struct attendant *a, const struct settings *settings, struct intake *i)
{
    if (!a->answerer.store) {
        answer_put_off(settings, &i->request, NO_MEMORY);
        intake_rest(i, monotonic_ms());
        return;
    }
    switch (answer_judge(&a->answerer, settings, &i->request)) {
    case ANSWER_SAID:
        intake_rest(i, monotonic_ms());
        break;
    case ANSWER_NOW:
        intake_want(i, 0, monotonic_ms());
        break;
    case ANSWER_AFTER_BODY:
        i->publishes = route_of(&i->request) != ROUTE_DISCONNECT;
        intake_want(i, publish_body_max(settings, route_of(&i->request)), monotonic_ms());
        break;
    }
}

/* The request is complete, or its body is too large; then the rest of the body comes after the
 * answer.  True: the connection is done. */
static bool attend_finish(struct attendant *a, struct settings *settings, struct intake *i)
{
    bool unread = i->request.body_unread;
    (void)attend_answer(a, settings, &i->request);
    if (unread)
        intake_rest(i, monotonic_ms());
    else
        intake_end(i);
    return !unread;
}

/* Whether a body has to stay in its socket, because the publisher has no room for it.  Asked
 * before each read, since the room is shared by all who read. */
static bool is_held(const struct attendant *a, struct intake *i)
{
    struct publisher *p = a->context->publisher;
    if (!p || !i->publishes || i->stage != INTAKE_BODY)
        return false;
    if (publisher_admits(p, i->held_at != 0))
        intake_release(i, monotonic_ms());
    else
        intake_hold(i, monotonic_ms());
    return i->held_at != 0;
}

/* True: the connection is done.  False: it waits. */
static bool go_on(struct attendant *a, struct settings *settings, struct intake *i)
{
    while (!is_held(a, i)) {
        switch (intake_step(i)) {
        case INTAKE_WAITS:
            return false;
        case INTAKE_HEADERS:
            judge(a, settings, i);
            break;
        case INTAKE_WHOLE:
            if (attend_finish(a, settings, i))
                return true;
            break;
        case INTAKE_OVER:
            intake_end(i);
            return true;
        }
    }
    return false;
}

bool attendant_attend(struct attendant *a, struct intake *i)
{
    struct settings *settings =
        attendant_open(a) ? answer_settings(&a->answerer) : board_get(a->context->board);
    bool done = go_on(a, settings, i);
    settings_unref(settings);
    return done;
}
