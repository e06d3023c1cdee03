/* The parts of the supervisor:
 *
 *     supervisor.c          the loop: signals, start, stop
 *     supervisor_slots.c    who serves: replacements, pauses, rounds
 *     supervisor_process.c  one process: its start, what it says, its end
 *     supervisor_program.c  what is executed, with which arguments and environment
 *
 * Thread: main, in the loop. */
#ifndef ROWCAST_FCGI_SUPERVISOR_INTERNAL_H
#define ROWCAST_FCGI_SUPERVISOR_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "fcgi/process/control.h"
#include "fcgi/process/supervisor.h"

/* One process, from its start until it was collected and its handles are closed. */
struct process {
    struct supervisor *supervisor;
    struct slot *slot;
    enum {
        PROCESS_STARTING,
        PROCESS_UNFIT, /* it cannot use the event log, and accepts nobody until told to */
        PROCESS_READY,
        PROCESS_DRAINING,
        PROCESS_ENDED
    } state;
    bool succeeded;   /* another one has its slot; it drains when every slot had its turn */
    uint64_t started; /* on the loop's clock */
    uv_process_t handle;
    uv_pipe_t control;
    uv_timer_t deadline; /* when it is killed */
    int open_handles;
    char said[CONTROL_LINE_MAX];
    size_t said_len;
    struct process *prev, *next;
};

/* One of the `--processes`.
 *
 *     current    successor
 *        -           -       between two processes: the pause runs
 *        x           -       serving (or on the way to it)
 *        x           x       the round's turn: the successor is not ready yet
 *        -           x       … and the current process died meanwhile
 */
struct slot {
    struct supervisor *supervisor;
    int number; /* from 1 */
    struct process *current, *successor;
    uv_timer_t pause;
    unsigned early_deaths; /* in a row */
};

/* What is executed.  Each exec looks `path` up again, so that a deploy takes effect. */
struct program {
    char path[PATH_MAX];
    char listener[16], control[16], drain_seconds[16];
    char *args[16];
    char **environment; /* ours, without what is for the supervisor alone */
};

struct supervisor {
    const struct options *options;
    struct listener listener;
    struct program program;
    uv_loop_t loop;
    uv_signal_t signal[4];
    uv_timer_t deadline;       /* of the stop */
    uv_timer_t look;           /* at the log file and the listener */
    bool lost;                 /* it stops because the listener is lost */
    struct process *processes; /* all, also those that drain */
    struct slot slot[PROCESSES_MAX];
    int round;        /* whose turn it is; --processes: the old ones drain; -1: there is none */
    int leaving;      /* how many were succeeded and are not gone yet */
    bool abandoned;   /* the round was abandoned */
    bool round_again; /* HUP came in the middle of a round */
    bool stopping;
};

/* ---- supervisor_program.c ---------------------------------------------------------- */

/* False: a sentence went to the log file. */
bool program_find(struct program *p, const struct options *o, const char *invoked);
void program_free(struct program *p);

/* ---- supervisor_process.c ---------------------------------------------------------- */

/* NULL: it could not be started; a sentence went to the log file. */
struct process *process_start(struct supervisor *s, struct slot *slot);
void process_drain(struct process *p);
void process_serve(struct process *p);   /* tell an unfit one that nobody else serves */
void process_dismiss(struct process *p); /* end one that is not wanted and has no streams */
void process_kill(struct process *p, int signal);

/* ---- supervisor_slots.c ------------------------------------------------------------ */

void slots_start(struct supervisor *s);
void slots_ready(struct process *p);    /* it said that it is ready */
void slots_unfit(struct process *p);    /* it said, while starting, that it is unfit */
void slots_gone(struct process *p);     /* it ended; p is freed later */
void slots_round(struct supervisor *s); /* HUP */

/* ---- supervisor.c ------------------------------------------------------------------ */

void supervisor_ended(struct supervisor *s); /* the last process ended, while stopping */

#endif
