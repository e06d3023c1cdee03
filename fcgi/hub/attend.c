#include "fcgi/hub/attend.h"

#include "fcgi/base/monotonic.h"
#include "fcgi/request/publish.h"
#include "fcgi/request/route.h"

static const char NO_MEMORY[] = "out of memory";

static bool may_stream(void *arg)
{
    struct attendant *a = arg;

    a->hub = a->context->start_streaming(a->context->arg);
    return a->hub && !hub_is_full(a->hub);
}

static bool attend_put_aside(void *arg, struct request *r)
{
    struct attendant *a = arg;
    struct settings *settings = answer_settings(&a->answerer);

    a->aside = a->context->put_aside(a->context->arg, r, settings);
    settings_unref(settings);
    return a->aside;
}

void attendant_begin(struct attendant *a, const struct worker_context *c)
{
    *a = (struct attendant){.context = c};
    a->answerer.board = c->board;
    a->answerer.publisher = c->publisher;
    a->answerer.may_stream = may_stream;
    a->answerer.put_aside = c->put_aside ? attend_put_aside : NULL;
    a->answerer.arg = a;
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

bool attendant_finish(struct attendant *a, const struct settings *settings, struct request *r)
{
    struct ticket *t = NULL;

    a->aside = false;
    if (a->answerer.store)
        t = answer_whole(&a->answerer, settings, r);
    else
        answer_put_off(settings, r, NO_MEMORY);
    request_end(r);
    if (!t)
        return a->aside;
    hub_serve(a->hub, t);
    if (a->context->claimed)
        a->context->claimed(a->context->arg);
    return true;
}

void attendant_release(struct attendant *a)
{
    store_close(a->answerer.store);
    a->answerer.store = NULL;
    a->answerer.leased = false;
}

/* The headers are whole: what comes next. */
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
        intake_want(i, publish_body_max(settings), monotonic_ms());
        break;
    }
}

/* The rest of a body that was too large comes after its answer. */
static bool attend_finish(struct attendant *a, const struct settings *settings,
                          struct intake *i)
{
    bool unread = i->request.body_unread;

    if (!unread) {
        attendant_finish(a, settings, &i->request);
        intake_end(i);
        return true;
    }
    if (a->answerer.store)
        (void)answer_whole(&a->answerer, settings, &i->request);
    else
        answer_put_off(settings, &i->request, NO_MEMORY);
    intake_rest(i, monotonic_ms());
    return false;
}

/* What the publisher has no room for stays in the socket. */
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

/* False: it waits. */
static bool go_on(struct attendant *a, const struct settings *settings, struct intake *i)
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
