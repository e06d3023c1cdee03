/* Pages that are loaded again and again, by people who press F5: each load lives for a while,
 * knows nothing but the session's cookie, and leaves; and a publisher that inserts numbered
 * rows at a steady rate meanwhile.  What a page got, whatever load of it, has no holes.
 *
 *     pages_open(&p, s, 20);
 *     pages_add(&p, 2000, 100, s->port);     2 s each, 0.1 s between
 *     pages_run(&p, 25000, 0);
 *     … p.page[0].again_ms …
 *     pages_close(&p);
 */
#ifndef ROWCAST_SCENARIO_PAGES_H
#define ROWCAST_SCENARIO_PAGES_H

#include <stdio.h>

#include "tests/scenario/scenario.h"

enum { PAGES = 48 };

struct page {
    int life_ms, pause_ms, port;
    int fd; /* -1: between two loads */
    int64_t until;
    char *cookie; /* token; the tabs of a session share it */
    char own_cookie[64];
    char line[512];
    size_t line_len;
    int loads;  /* that ended */
    int row;    /* the newest of this load; 0: none */
    int newest; /* of all loads; 0: none yet */
    int rows_again;
    int again_ms; /* the most that came again in one load, at the publisher's rate */
};

struct pages {
    struct stage *stage;
    FILE *shell;
    int rate, rows; /* a second; published */
    int64_t due;    /* the next row */
    size_t pages;
    struct page page[PAGES];
};

void pages_open(struct pages *p, struct stage *s, int rate);
struct page *pages_add(struct pages *p, int life_ms, int pause_ms, int port);
void pages_same_session(struct page *tab, const struct page *of); /* before either is loaded */
/* Until `ms` have passed; then until each page has ended its load, and `loads` of them since it
 * was added.  LOADS_GO_ON: let them be. */
enum { LOADS_GO_ON = -1 };
void pages_run(struct pages *p, int64_t ms, int loads);
/* Print what came again to each, and fail if it was more than `most_ms`. */
void pages_expect_few_again(const struct pages *p, int most_ms);
void pages_close(struct pages *p);

#endif
