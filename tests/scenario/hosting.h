/* The hosting matrix: what every way of hosting has to carry, told once and played with each.
 *
 *     struct hosting        a row: one way of hosting, and what it cannot do
 *     hosting_cells         the columns: sentences that must be true of every row
 *
 * A program plays one row: its main is `return hosting_run(&row, OVER_ANY)`.  Each cell is a
 * test with a stage of its own, over HTTP/1.1, and once more over TLS and HTTP/2 where the row
 * has that.  A row that takes long is played by two programs, so that they run side by side.
 *
 * Where a front cannot do what a cell says, its row has an exception: another sentence, which
 * is played in the cell's place and is true, and the reason for the reader.  No cell is left
 * out silently.
 *
 * ROWCAST_FIGURES in the environment names a file that gets a line for each thing measured. */
#ifndef ROWCAST_SCENARIO_HOSTING_H
#define ROWCAST_SCENARIO_HOSTING_H

#include "tests/scenario/scenario.h"

enum hosting_over { OVER_ANY, OVER_HTTP1, OVER_HTTP2 };

struct hosting;

struct hosting_cell {
    const char *name; /* a sentence: the test's name */
    void (*play)(struct stage *s, const struct hosting *h);
};

struct hosting_exception {
    const char *cell; /* the name of the cell in whose place this stands */
    enum hosting_over over;
    const char *reason;
    struct hosting_cell instead;
};

struct hosting {
    const char *name;
    /* Start a responder that is there before the web server; NULL: the server starts its
     * own. */
    void (*responder)(struct stage *s);
    void (*server)(struct stage *s); /* start the web server, with TLS on a secure stage */
    /* Tell what serves streams to end, as this way of hosting does it; others take its
     * place. */
    void (*drain)(struct stage *s);
    /* Kill -9 what serves streams; something serves again when it returns, or soon after. */
    void (*kill)(struct stage *s);
    bool reload_ends_streams; /* the web server's reload; else they go on through it */
    bool has_http2;
    const struct hosting_exception *exceptions; /* the last has no cell; NULL: none */
};

extern const struct hosting_cell hosting_cells[]; /* the last has no name */

/* Rows that are played by two programs each (hosting_apache.c). */
extern const struct hosting hosting_apache_fcgid, hosting_apache_proxy;

int hosting_run(const struct hosting *h, enum hosting_over over); /* for main to return */

/* What every front has to carry, in short: rows live, what was missed after a cut, a POST. */
void rows_come_and_come_back(struct stage *s);

/* What cells and exceptions are told with. */

/* Wait until /stats counts so many streams; the milliseconds it took. */
int await_clients(struct stage *s, int count);
void hosting_figure(const struct stage *s, const struct hosting *h, const char *what, int ms);
/* The responders below the stage's servers. */
size_t hosting_responders(struct stage *s, pid_t *out, size_t max);
/* Send each responder a signal, and wait until they are gone. */
void hosting_signal_responders(struct stage *s, int signal);

/* A responder with a socket of its own, and another in its place once the first has ended. */
const char *hosting_socket(struct stage *s); /* valid until the next call */
void hosting_responder(struct stage *s);
void hosting_replace_responder(struct stage *s);
void hosting_kill_responder(struct stage *s);  /* the first without a word */
void hosting_kill_responders(struct stage *s); /* all that run; somebody starts others */

/* For the exceptions of fronts that learn of a departed client by writing to it: the first
 * write after brings its refusal, the second one fails. */
void a_departed_client_is_noticed_at_the_second_write(struct stage *s, const struct hosting *h);
/* And where two such fronts stand behind each other. */
void a_departed_client_is_noticed_at_the_third_write(struct stage *s, const struct hosting *h);
void a_departed_client_is_noticed_within_three_heartbeats(struct stage *s,
                                                          const struct hosting *h);

#endif
