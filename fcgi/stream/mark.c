/* Every doubt ends at an older mark.  A mark that is too old repeats some rows to a client that
 * comes back; one that is too new loses rows for good.  So times are rounded down here, and
 * what is no longer known (a time beyond the list, a stay of 49 days) does not move the
 * mark. */
#include "fcgi/stream/mark.h"

/* A departure within BY_WRITE_MS of a write was perhaps noticed by that write.  The write
 * before it is doubted only if it is younger than BY_WRITE_MOST_MS: else each row of a quiet
 * stream would come twice. */
enum { BY_WRITE_MS = 250, BY_WRITE_MOST_MS = 5000 };

void mark_log_begin(struct mark_log *l, uint64_t now, int64_t end)
{
    l->at = now;
    l->end = end;
    l->moments = 0;
}

/* The newest moment is in `at` and `end`, and goes into the ring when the log grows again.  It
 * is left out if it is within MARK_GRAIN_MS of the last one there: then the older one stands
 * for it, and its mark is older. */
void mark_log_grew(struct mark_log *l, uint64_t now, int64_t end)
{
    const uint32_t newest = (l->moments + MARK_MOMENTS - 1) % MARK_MOMENTS;
    if (l->moments == 0 || l->at - l->moment[newest].at >= MARK_GRAIN_MS) {
        l->moment[l->moments % MARK_MOMENTS].at = l->at;
        l->moment[l->moments % MARK_MOMENTS].end = l->end;
        l->moments++;
    }
    l->at = now;
    l->end = end;
}

/* Where the log's end was at `when` or shortly before; -1: that is no longer known. */
static int64_t end_at(const struct mark_log *l, uint64_t when)
{
    if (l->at <= when)
        return l->end;
    uint32_t kept = l->moments < MARK_MOMENTS ? l->moments : MARK_MOMENTS;
    for (uint32_t i = 1; i <= kept; i++) {
        uint32_t k = (l->moments - i) % MARK_MOMENTS;
        if (l->moment[k].at <= when)
            return l->moment[k].end;
    }
    return -1;
}

void mark_begin(struct mark *m, uint64_t now, int64_t position)
{
    *m = (struct mark){
        .settled = position, .wrote = (uint32_t)now, .wrote_before = (uint32_t)now};
}

/* Writes shortly after each other count as one, because a web server that can no longer write
 * learns of it only some time after the first of them. */
void mark_wrote(struct mark *m, uint64_t now)
{
    if ((uint32_t)now - m->wrote < MARK_GRAIN_MS)
        return;
    m->wrote_before = m->wrote;
    m->wrote = (uint32_t)now;
}

/* The times of a stream have 32 bits, so a stay of 49 days is taken for a short one. */
static int64_t mark_of_age(const struct mark *m, const struct mark_log *l, uint64_t now,
                           uint32_t age)
{
    if (m->since == 0 || (uint32_t)now - m->since < age)
        return m->settled;
    int64_t end = end_at(l, now - age);
    return end > m->settled ? end : m->settled;
}

/* Move `settled` on.  The position that `coming` means stays the same, unless it was passed. */
static void settle(struct mark *m, int64_t to)
{
    int64_t left = m->settled + m->coming - to;
    m->settled = to;
    m->coming = left > 0 ? (uint32_t)left : 0;
}

void mark_stands(struct mark *m, const struct mark_log *l, uint64_t now, bool at_end)
{
    if (at_end == (m->since != 0))
        return;
    if (at_end) {
        m->since = (uint32_t)now == 0 ? 1 : (uint32_t)now;
        return;
    }
    settle(m, mark_running(m, l, now));
    m->since = 0;
}

void mark_move(struct mark *m, int64_t position)
{
    m->settled += m->coming;
    int64_t further = position - m->settled;
    m->coming = further <= 0 ? 0 : further < UINT32_MAX ? (uint32_t)further : UINT32_MAX;
}

int64_t mark_running(const struct mark *m, const struct mark_log *l, uint64_t now)
{
    return mark_of_age(m, l, now, MARK_MS);
}

int64_t mark_told(const struct mark *m, const struct mark_log *l, uint64_t now)
{
    uint32_t age = MARK_TOLD_MS;
    uint32_t before = (uint32_t)now - m->wrote_before + 1;
    if ((uint32_t)now - m->wrote < BY_WRITE_MS && before > age && before < BY_WRITE_MOST_MS)
        age = before;
    return mark_of_age(m, l, now, age);
}
