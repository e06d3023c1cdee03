/* Two opinions on the wall clock.
 *
 * clock_watch has the better witness, a clock that nobody sets, but only for as long as this
 * process runs.  It knows the wall clock by its distance from that clock: a jump changes the
 * distance, and the passing of time does not.  A new distance that lasts for CLOCK_DOUBT_MS is
 * believed from then on, because somebody probably corrected a clock that was wrong before.
 *
 * clock_look has only the wall clock's own past, as it was written into the log, but that
 * survives restarts. */
#include "store/clock.h"

static bool is_near(int64_t a, int64_t b)
{
    return a - b <= CLOCK_STEP_MS && b - a <= CLOCK_STEP_MS;
}

/* A clock that NTP corrects slowly moves by less than CLOCK_STEP_MS between two looks.  The
 * believed offset follows it, or many small corrections would add up to a jump. */
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

/* A clock that stands behind is believed at once: it only keeps events for longer.  One that
 * stands ahead has to do so for CLOCK_DOUBT_MS, as far as an unbroken row of looks shows.  A
 * pause of more than CLOCK_APART_MS, or a step back, breaks the row, and the doubt begins anew:
 * two looks a week apart would else prove that a wrong time had lasted for a week. */
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
