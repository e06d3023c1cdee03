/* Who serves: the life of a slot, and rounds.
 *
 * A slot is a place that has to be served, by whichever process.  Its `current` process
 * serves it, or is about to; it has a `successor` only while a round has its turn there
 * (struct slot has the table).  Each process that ends passes through slots_gone, and there a
 * slot that has nobody left starts its pause, so no slot is ever forgotten: it has a process,
 * or its pause runs.
 *
 * A round replaces the program without a moment in which nobody listens.  It goes from slot
 * to slot, one at a time, so only one process has to find out that a new program does not
 * work.  A successor that is ready takes the slot, and the process before it is marked
 * `succeeded`.  That one still accepts, since all processes share one listener.  Only when
 * every slot has had its turn do the succeeded processes drain, all at once.  If each drained
 * as soon as it had a successor, its streams would come back to any process, mostly an old
 * one, and would be ended again there: at worst once for every slot.  This costs the memory
 * of 2 N processes for a while.
 *
 * Until they drain, the old processes are also the way back.  A new program may say that it
 * is ready and then die of its first requests.  If its predecessor does not drain yet, that
 * one gets the slot back, and the successor that is being started elsewhere, by the same
 * program, is ended; its end abandons the round.  A round is also abandoned when a successor
 * dies, is late or is unfit before it serves.  Slots that were replaced by then stay
 * replaced, and their old processes drain.  The other slots keep theirs, because an old
 * program that serves is better than a new one that does not.  Once the drain has begun there
 * is no way back: a process that dies then is replaced like any other, by the program that is
 * on the disk.
 *
 * Early deaths are counted for each slot, so the others go on as before.  A slot is tried for
 * ever, after pauses that grow: what keeps a process from living may be mended at any time,
 * and nobody would tell us. */
#include <signal.h>
#include <utlist.h>

#include "fcgi/base/log.h"
#include "fcgi/process/supervisor_internal.h"

enum { PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 10000 };

uint64_t supervisor_pause(unsigned early_deaths)
{
    uint64_t ms = PAUSE_FIRST_MS;
    if (early_deaths <= 1)
        return 0;
    for (unsigned i = 2; i < early_deaths && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

/* ---- replacements ------------------------------------------------------------------ */

static void on_pause_over(uv_timer_t *t);

/* An unfit process can only answer `later`.  That is better than no answer, but worse than a
 * fit process, from which it would take a share of the requests.  So it serves only if no
 * process serves or is about to. */
static void serve_unfit(const struct supervisor *s)
{
    struct process *p;
    DL_FOREACH (s->processes, p)
        if (p->state == PROCESS_STARTING || p->state == PROCESS_READY)
            return;
    DL_FOREACH (s->processes, p)
        if (p->state == PROCESS_UNFIT)
            process_serve(p);
}

static void replace(struct slot *slot)
{
    uint64_t ms = supervisor_pause(slot->early_deaths);
    if (ms > 0) {
        log_line(LOG_LEVEL_WARN, "process_waits", "slot=%d early_deaths=%u pause_ms=%llu",
                 slot->number, slot->early_deaths, (unsigned long long)ms);
        serve_unfit(slot->supervisor);
    }
    uv_timer_start(&slot->pause, on_pause_over, ms, 0);
}

static void on_pause_over(uv_timer_t *t)
{
    struct slot *slot = t->data;
    slot->current = process_start(slot->supervisor, slot);
    if (slot->current)
        return;
    slot->early_deaths++;
    replace(slot);
}

static void count_death(struct slot *slot, const struct process *p)
{
    if (uv_now(&slot->supervisor->loop) - p->started >= SUPERVISOR_LIFE_MS)
        slot->early_deaths = 0;
    else
        slot->early_deaths++;
}

void slots_start(struct supervisor *s)
{
    for (int i = 0; i < s->options->processes; i++) {
        struct slot *slot = &s->slot[i];
        slot->supervisor = s;
        slot->number = i + 1;
        uv_timer_init(&s->loop, &slot->pause);
        slot->pause.data = slot;
        on_pause_over(&slot->pause);
    }
}

/* ---- rounds ------------------------------------------------------------------------ */

/* No old process of the round is left to wait for. */
static void round_end(struct supervisor *s)
{
    if (!s->abandoned)
        log_line(LOG_LEVEL_INFO, "round_done", "processes=%d", s->options->processes);
    s->round = -1;
    if (!s->round_again)
        return;
    s->round_again = false;
    slots_round(s);
}

/* All succeeded processes drain together, over the same time: so a stream that comes back never
 * meets an old process, which would end it once more. */
static void round_drain(struct supervisor *s)
{
    struct process *p;
    s->round = s->options->processes;
    DL_FOREACH (s->processes, p)
        if (p->succeeded)
            process_drain(p);
    if (s->leaving == 0)
        round_end(s);
}

static void round_abandon(struct supervisor *s, struct slot *slot, const char *why)
{
    log_line(LOG_LEVEL_ERROR, "round_abandoned",
             "slot=%d why=\"%s\" note=\"processes not replaced yet are kept\"", slot->number,
             why);
    s->abandoned = true;
    slot->successor = NULL;
    if (!slot->current)
        replace(slot);
    round_drain(s);
}

/* The slot whose turn it is. */
static void round_turn(struct supervisor *s)
{
    struct slot *slot = &s->slot[s->round];
    uv_timer_stop(&slot->pause);
    slot->successor = process_start(s, slot);
    if (!slot->successor)
        round_abandon(s, slot, "the program cannot be started");
}

static void round_next(struct supervisor *s)
{
    if (++s->round < s->options->processes)
        round_turn(s);
    else
        round_drain(s);
}

void slots_round(struct supervisor *s)
{
    if (s->round >= 0) {
        s->round_again = true;
        return;
    }
    log_line(LOG_LEVEL_INFO, "round_started", "processes=%d program=\"%s\"",
             s->options->processes, s->program.path);
    s->round = 0;
    s->abandoned = false;
    round_turn(s);
}

/* The successor serves, so its predecessor may go. */
static void succeed(struct slot *slot)
{
    struct supervisor *s = slot->supervisor;
    if (slot->current) {
        slot->current->succeeded = true;
        s->leaving++;
    }
    slot->current = slot->successor;
    slot->successor = NULL;
    slot->early_deaths = 0;
    round_next(s);
}

/* ---- what becomes of a process ----------------------------------------------------- */

void slots_ready(struct process *p)
{
    if (!p->supervisor->stopping && p == p->slot->successor)
        succeed(p->slot);
}

/* An unfit successor takes the place of an unfit process only.  So a round never takes away a
 * process that serves, whatever program is on the disk now. */
void slots_unfit(struct process *p)
{
    struct supervisor *s = p->supervisor;
    struct slot *slot = p->slot;
    if (s->stopping)
        return;
    if (p == slot->successor && slot->current && slot->current->state != PROCESS_UNFIT) {
        round_abandon(s, slot, "the new process cannot use the log");
        process_dismiss(p);
        return;
    }
    if (p == slot->successor)
        succeed(slot);
    serve_unfit(s);
}

/* The process that had the slot before, if it does not drain yet. */
static struct process *predecessor(const struct slot *slot)
{
    struct process *p;
    DL_FOREACH (slot->supervisor->processes, p)
        if (p->slot == slot && p->succeeded && p->state != PROCESS_DRAINING)
            return p;
    return NULL;
}

/* The new program got ready and then died, so the old process goes on. */
static void take_back(struct slot *slot, struct process *before)
{
    struct supervisor *s = slot->supervisor;
    struct slot *turn = &s->slot[s->round];
    before->succeeded = false;
    s->leaving--;
    slot->current = before;
    if (turn->successor) /* it runs the same new program, and must not come to serve */
        process_kill(turn->successor, SIGTERM);
}

/* The process that served its slot ended; the round may have its turn there. */
static void current_gone(struct slot *slot, const struct process *p)
{
    struct process *before = predecessor(slot);
    count_death(slot, p);
    slot->current = NULL;
    if (before)
        take_back(slot, before);
    else if (!slot->successor) /* else that one will take the slot */
        replace(slot);
}

static void succeeded_gone(struct supervisor *s)
{
    s->leaving--;
    if (s->leaving == 0 && s->round == s->options->processes)
        round_end(s);
}

void slots_gone(struct process *p)
{
    struct supervisor *s = p->supervisor;
    struct slot *slot = p->slot;
    if (s->stopping) {
        if (!s->processes)
            supervisor_ended(s);
    } else if (p == slot->successor) {
        round_abandon(s, slot, "the new process died before it was ready");
    } else if (p == slot->current) {
        current_gone(slot, p);
    } else if (p->succeeded) {
        succeeded_gone(s);
    }
}
