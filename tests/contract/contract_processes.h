/* Further processes beside the test's own, as a web server starts several. */
#ifndef ROWCAST_TESTS_CONTRACT_PROCESSES_H
#define ROWCAST_TESTS_CONTRACT_PROCESSES_H

#include "tests/contract/contract_claims.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    pid_t pid;
    int64_t said; /* what its work returned */
};

/* The work of another process, with a store of its own that has joined. */
typedef int64_t (*process_work)(struct store *s, const struct world *w);

static inline void process_live(const struct world *w, process_work work, int out)
{
    struct store *s = NULL;
    int64_t said = -1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (store_open(&s, w->address) == STORE_OK && store_join(s) == STORE_OK)
        said = work(s, w);
    if (write(out, &said, sizeof said) != sizeof said)
        _exit(1);
    for (;;)
        pause();
}

/* Start a process and wait until its work is done; it then keeps what it holds until it is
 * killed. */
static inline struct process process_start(const struct world *w, process_work work)
{
    int ends[2];
    struct process p = {.said = -1};
    assert_int_equal(pipe(ends), 0);
    p.pid = fork();
    if (p.pid == 0)
        process_live(w, work, ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &p.said, sizeof p.said), sizeof p.said);
    close(ends[0]);
    return p;
}

static inline void process_kill(struct process p)
{
    assert_int_equal(kill(p.pid, SIGKILL), 0);
    assert_int_equal(waitpid(p.pid, NULL, 0), p.pid);
}

/* Work: nothing but to live. */
static inline int64_t just_live(struct store *s, const struct world *w)
{
    (void)s, (void)w;
    return 0;
}

/* Work: claim one stream for a new client, and return its id. */
static inline int64_t claim_one(struct store *s, const struct world *w)
{
    struct claim_request r = some_request();
    struct claim c;
    if (store_claim(s, w->settings, &r, &c) != STORE_OK || c.saved != STORE_OK)
        return -1;
    subscription_free(c.subscription);
    return c.stream_id;
}

#endif
