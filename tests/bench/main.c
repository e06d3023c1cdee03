/* The load generator: connect, wait, publish, check, print.  options.h has what it can be told;
 * run.sh has the measurements.  Exits 0 only if every stream got every row once, in order; one
 * that is told to come later does so, and is counted. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/posters.h"
#include "tests/bench/publisher.h"
#include "tests/bench/stream.h"

struct run {
    struct options options;
    struct streams streams;
    struct publisher *publisher;
    struct usage before[PROCESSES_MAX + 1], now[PROCESSES_MAX + 1];
    bool failed;
};

/* Step until *counter reached `goal`.  False: no row and no step towards it for too long (other
 * things, heartbeats for one, come in for ever). */
static bool reach(struct run *r, const long *counter, long goal)
{
    const struct tally *t = &r->streams.tally;
    int64_t patience = r->options.patience * INT64_C(1000000000);
    int64_t last = clock_ns();
    size_t seen = t->received + (size_t)*counter;
    while (*counter < goal) {
        streams_step(&r->streams, 100);
        if (t->received + (size_t)*counter != seen)
            last = clock_ns();
        else if (clock_ns() - last > patience)
            return false;
        seen = t->received + (size_t)*counter;
    }
    return true;
}

/* The end of the log as the responder tells it to one stream. */
static bool ask_end(struct run *r, char id[ID_SIZE])
{
    id[0] = '\0';
    if (!streams_open(&r->streams, &r->options, 1, NULL))
        return false;
    streams_want_id(&r->streams, id);
    bool ok = reach(r, &r->streams.tally.connected, 1) && id[0];
    streams_close(&r->streams);
    if (!ok)
        fprintf(stderr, "bench: the first stream was not told where the log ends\n");
    return ok;
}

static bool publish_missed(struct run *r, char id[ID_SIZE])
{
    return ask_end(r, id) && publisher_start(r->publisher, r->options.missed, 0, 100) &&
           publisher_finish(r->publisher);
}

static bool connect_all(struct run *r)
{
    const struct options *o = &r->options;
    struct tally *t = &r->streams.tally;
    figures_look(o, r->before);
    figures_print_memory(o, "start", r->before, r->before, 0);
    int64_t began = clock_ns();
    t->started = began;
    t->expected = o->missed;
    bool ok = reach(r, &t->connected, o->streams);
    double seconds = (double)(clock_ns() - began) / 1e9;
    printf("connect streams=%ld connected=%ld refused=%ld seconds=%.3f per_second=%.0f\n",
           o->streams, t->connected, r->streams.refused, seconds,
           (double)t->connected / seconds);
    if (ok && o->missed) {
        ok = reach(r, &t->complete, o->streams);
        seconds = (double)(clock_ns() - began) / 1e9;
        printf("replay rows=%ld complete=%ld seconds=%.3f per_second=%.0f announced=%" PRId64
               "\n",
               o->missed, t->complete, seconds, (double)t->received / seconds, t->announced);
    }
    figures_look(o, r->now);
    figures_print_cpu(o, "connect", r->before, r->now);
    return ok;
}

static void wait_idle(struct run *r)
{
    figures_look(&r->options, r->now);
    int64_t end = clock_ns() + (int64_t)(r->options.idle * 1e9);
    struct usage before[PROCESSES_MAX + 1];
    figures_look(&r->options, before);
    for (int64_t left; (left = end - clock_ns()) > 0;)
        streams_step(&r->streams, (int)(left / 1000000) + 1);
    figures_look(&r->options, r->now);
    figures_print_cpu(&r->options, "idle", before, r->now);
}

/* Every stream is ended once and comes back: in which second how many did. */
static bool watch_returns(struct run *r)
{
    const struct streams *s = &r->streams;
    bool all = reach(r, &s->returned, s->count);
    long most = 0;
    int last = 0;
    for (int i = 0; i < RETURN_SECONDS; i++) {
        if (!s->returned_in[i])
            continue;
        printf("return second=%d streams=%ld\n", i, s->returned_in[i]);
        most = s->returned_in[i] > most ? s->returned_in[i] : most;
        last = i;
    }
    printf("returned streams=%ld of=%ld returns=%ld most_in_a_second=%ld last_second=%d "
           "mean_away_ms=%ld\n",
           s->returned, s->count, s->returns, most, last,
           s->returns ? s->away_ms / s->returns : 0);
    return all;
}

static void print_latencies(struct run *r, int64_t started)
{
    struct tally *t = &r->streams.tally;
    size_t n = t->received < t->room ? t->received : t->room;
    int32_t *us = malloc((n + 1) * sizeof *us);
    if (!us)
        return;
    for (size_t i = 0; i < n; i++) {
        int64_t stamp = publisher_stamp(r->publisher, t->receipt[i].seq);
        us[i] = (int32_t)(t->receipt[i].us - (stamp - started) / 1000);
    }
    figures_print_latency(us, n);
    free(us);
}

/* Publish to the open streams and wait until the last has the last row. */
static bool deliver(struct run *r)
{
    const struct options *o = &r->options;
    struct tally *t = &r->streams.tally;
    size_t room = (size_t)o->streams * (size_t)o->rows;
    t->receipt = malloc(room * sizeof *t->receipt);
    if (!t->receipt)
        return false;
    t->room = room;
    t->received = 0;
    t->complete = 0;
    t->expected = o->missed + o->rows;
    struct usage before[PROCESSES_MAX + 1];
    figures_look(o, before);
    t->started = clock_ns();
    if (!publisher_start(r->publisher, o->rows, o->every, o->batch))
        return false;
    if (o->hup) {
        r->streams.hup_at = clock_ns();
        kill(o->hup, SIGHUP);
    }
    bool ok = !o->hup || watch_returns(r);
    ok = reach(r, &t->complete, o->streams) && ok;
    int64_t last = t->now;
    ok = publisher_finish(r->publisher) && ok;
    figures_look(o, r->now);

    double publishing =
        (double)(publisher_ended(r->publisher) - publisher_began(r->publisher)) / 1e9;
    double seconds = (double)(last - t->started) / 1e9;
    printf("publish rows=%ld seconds=%.3f per_second=%.0f\n", o->rows, publishing,
           (double)o->rows / publishing);
    printf("deliver expected=%zu got=%zu seconds=%.3f per_second=%.0f\n", room, t->received,
           seconds, (double)t->received / seconds);
    print_latencies(r, t->started);
    figures_print_cpu(o, "deliver", before, r->now);
    return ok;
}

static bool verdict(struct run *r, bool ok)
{
    const struct streams *s = &r->streams;
    const struct tally *t = &s->tally;
    long faults =
        t->repeated + t->lost + t->disordered + t->foreign + t->gaps + s->refused + s->ended;
    printf(
        "check complete=%ld of=%ld repeated=%ld lost=%ld disordered=%ld foreign=%ld gaps=%ld "
        "later=%ld refused=%ld ended=%ld heartbeats=%ld\n",
        t->expected ? t->complete : t->connected, s->count, t->repeated, t->lost, t->disordered,
        t->foreign, t->gaps, t->later, s->refused, s->ended, t->heartbeats);
    printf("verdict %s\n", ok && faults == 0 ? "ok" : "FAILED");
    return ok && faults == 0;
}

int main(int argc, char **argv)
{
    struct run r = {.streams.epoll = -1};
    struct options *o = &r.options;
    if (!options_read(o, argc, argv))
        return 2;
    if (o->publishers)
        return posters_run(o) ? 0 : 1;
    char id[ID_SIZE];
    if ((o->rows || o->missed) && !(r.publisher = publisher_open(o)))
        return 1;
    bool ok = (!o->missed || publish_missed(&r, id)) &&
              streams_open(&r.streams, o, o->streams, o->missed ? id : NULL);
    if (ok) {
        ok = connect_all(&r);
        if (o->idle > 0)
            wait_idle(&r);
        figures_print_memory(o, "connected", r.before, r.now, o->streams);
        if (ok && o->rows)
            ok = deliver(&r);
        figures_print_memory(o, "end", r.before, r.now, o->streams);
        ok = verdict(&r, ok);
        streams_close(&r.streams);
    }
    publisher_close(r.publisher);
    return ok ? 0 : 1;
}
