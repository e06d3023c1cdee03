/* Requests for a stream that were put aside for a moment, because an earlier stream of their
 * session may be about to end.
 *
 * A page that is reloaded claims its next stream within milliseconds of the end of the last
 * one, whose bookmark is not saved yet.  At that moment a claim would begin at the bookmark
 * of a running stream, and the bookmark that is saved a moment later would stay, as that of a
 * second tab: every later reload would begin there.  So a claim by the cookie alone waits until
 * no stream of its session and subscription is open, but not longer than ASIDE_MS, because the
 * open stream may be another tab.
 *
 * Apache notices that a browser left only when it cannot write, which is at the second write.
 * So the open streams are sent a heartbeat with each look, and a stream whose browser left ends
 * after the second one.
 *
 * A request that waits holds no worker.  Thread: the janitor's, which saves ends and so knows
 * best when to look again; aside_new: any. */
#ifndef ROWCAST_FCGI_ASIDE_H
#define ROWCAST_FCGI_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/hub/hub.h"
#include "fcgi/base/inbox.h"
#include "fcgi/request/request.h"
#include "store/store.h"

/* ASIDE_LOOK_MS: how often to look for ends that other processes save. */
enum { ASIDE_MS = 300, ASIDE_LOOK_MS = 100 };

/* Further claims do not wait: in a storm, a look at thousands would take longer than a wait. */
enum { ASIDE_MOST = 256 };

struct aside {
    struct message message;
    struct request request;
    struct settings *settings;
    uint64_t until;         /* ms of the monotonic clock; 0: not set yet */
    struct claim_open open; /* what it waits for, as of the last look */
};

/* Put a request aside.  Takes it over, so that it is empty afterwards, takes a reference to the
 * settings, and counts it as one of the hub's streams from now on.  NULL: out of memory,
 * nothing was taken. */
struct aside *aside_new(struct request *r, struct settings *settings, struct hub *h);

/* Claim the stream and give it to the hub, or answer the request.  False: it still has to wait,
 * which happens only if `patient`. */
bool aside_serve(struct aside *a, struct store *s, struct hub *h, bool patient);

void aside_refuse(struct aside *a, struct hub *h); /* say `later`, when the process ends */

#endif
