#include "store/clock.h"

static bool is_near(int64_t a, int64_t b)
{
    return a - b <= CLOCK_STEP_MS && b - a <= CLOCK_STEP_MS;
}

/* A clock that is corrected slowly takes the offset along. */
enum clock_verdict clock_watch(struct clock_watch *w, int64_t wall, int64_t boot)
{
    int64_t offset = wall - boot;
    if (!w->began)
        *w = (struct clock_watch){.began = true, .offset = offset, .since = boot};
    if (is_near(offset, w->offset)) {
        w->offset = offset;
        w->jumped = false;
        return boot - w->since >= CLOCK_DOUBT_MS ? CLOCK_STEADY : CLOCK_NEW;
    }
    if (!w->jumped || !is_near(offset, w->other_offset)) {
        w->jumped = true;
        w->other_since = boot;
    }
    w->other_offset = offset;
    if (boot - w->other_since < CLOCK_DOUBT_MS)
        return CLOCK_JUMPED;
    *w = (struct clock_watch){.began = true, .offset = offset, .since = w->other_since};
    return CLOCK_STEADY;
}

struct clock_row clock_look(const struct clock_row *row, int64_t wall, bool steady)
{
    struct clock_row now = {.believed_at = wall, .seen_at = wall};
    bool follows = wall >= row->seen_at && wall - row->seen_at <= CLOCK_APART_MS;
    bool lasted = row->doubted_at > 0 && follows && wall - row->doubted_at >= CLOCK_DOUBT_MS;
    if (steady || lasted || wall - row->believed_at <= CLOCK_AHEAD_MS)
        return now;
    now.believed_at = row->believed_at;
    now.doubted_at = row->doubted_at > 0 && follows ? row->doubted_at : wall;
    return now;
}
