/* The responder with --processes, lighttpd in front of its socket, and a program of its own in
 * the stage's folder, which can be replaced like in a deploy. */
#ifndef ROWCAST_SCENARIO_SUPERVISOR_H
#define ROWCAST_SCENARIO_SUPERVISOR_H

#include "tests/scenario/scenario.h"

enum { PROCESSES = 3 };

struct supervised {
    struct stage *stage; /* `alone` is the supervisor */
    char program[NAME_SIZE];
    char socket[NAME_SIZE];
    int processes;
};

/* With these options more (NULL: none); returns when all processes are ready. */
void supervised_start(struct supervised *v, struct stage *s, int processes,
                      const char *const more[]);
/* The same, but does not wait for anything. */
void supervised_start_unready(struct supervised *v, struct stage *s, int processes,
                              const char *const more[]);
void supervised_front(struct supervised *v); /* lighttpd before it */

/* Its processes, as soon as there are so many; in no order. */
void supervised_pids(struct supervised *v, pid_t pid[]);
bool supervised_has(const struct supervised *v, pid_t pid);
int supervised_program_is(const struct supervised *v); /* of how many the program on the disk */

/* Put another file in the program's place, in one step; `text` NULL: a copy of the
 * responder. */
void supervised_deploy(struct supervised *v, const char *text);
void supervised_hang_up(struct supervised *v); /* SIGHUP, and the round's end */

/* How often the responder's log has these words. */
int log_count(const struct stage *s, const char *words);

#endif
