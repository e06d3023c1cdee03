/* What the scenarios are told with: a stage with real servers, browsers, and the sqlite3 shell.
 *
 *     struct stage *s = *state;                 setup made it: a folder, a log, nothing running
 *     lighttpd_start(s);
 *     struct browser *b = browser_open(s, "/sse/events");
 *     expect_connected(b);
 *     shell(s, "INSERT INTO events(type, data) VALUES ('update', 'hi')");
 *     expect_event(b, "update", "hi");
 *
 * Everything waits for what it expects, up to PATIENCE; nothing sleeps and hopes.  What does
 * not come fails the test with what was awaited, what came instead, and the servers' logs.  All
 * that a stage started ends with it, by process id, and its folder goes.
 *
 * ROWCAST_PROGRAM in the environment names the responder (build/rowcast.fcgi without it). */
#ifndef ROWCAST_SCENARIO_H
#define ROWCAST_SCENARIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

enum { PATIENCE = 20000 /* ms */, NAME_SIZE = 128 };
#define TOKEN "a-token-for-tests"

struct browser;

struct stage {
    char folder[64];
    char db[NAME_SIZE];       /* the event log */
    char sessions[NAME_SIZE]; /* and the sessions */
    char small[NAME_SIZE];    /* a small disk, once stage_mount_small made it */
    char log[NAME_SIZE];      /* what the responder says */
    char errors[NAME_SIZE];   /* what the web server says */
    char program[4096];       /* the responder */
    char host[32];            /* an address of its own, so that no two stages meet at a port */
    int port;
    pid_t server;            /* the web server; 0: none */
    const char *command[12]; /* how it was started */
    char config[NAME_SIZE];  /* its configuration */
    int reload_signal;       /* on which it reads that anew */
    pid_t alone;             /* a responder started with --listen; 0: none */
    pid_t wrapper;           /* fcgiwrap; 0: none */
    struct browser *browsers;
    char epoch[16];
    bool secure; /* set before a server starts: TLS, and browsers speak HTTP/2 (curl) */
    bool narrow; /* browsers take few bytes they have not read */
};

/* cmocka's setup and teardown of a test. */
int stage_setup(void **state);
int stage_teardown(void **state);
#define scenario(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

/* Let this process have as many descriptors as the system allows. */
void stage_raise_limits(void);

/* Whether the responder watches its own memory: then it is slower and larger. */
bool stage_is_sanitized(void);

/* Fail the test: `format` says what was awaited and what came; the logs follow. */
void stage_fail(struct stage *s, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));
#define fail_stage(s, ...) stage_fail(s, __FILE__, __LINE__, __VA_ARGS__)

/* ---- processes --------------------------------------------------------------------- */

int64_t now_ms(void);  /* of the monotonic clock */
void pause_ms(int ms); /* between two looks at a condition */
/* Wait up to PATIENCE until the condition holds; fails with its text. */
#define await(s, condition)                                                                    \
    do {                                                                                       \
        int64_t until_ = now_ms() + PATIENCE;                                                  \
        while (!(condition)) {                                                                 \
            if (now_ms() > until_)                                                             \
                fail_stage(s, "waited for: %s", #condition);                                   \
            pause_ms(5);                                                                       \
        }                                                                                      \
    } while (0)

/* Start a program that dies with the test.  `output` NULL: /dev/null; `user` NULL: as we
 * are. */
pid_t process_start(const char *const argv[], const char *const env[], const char *output,
                    const char *user);
/* The same with a listening socket as descriptor `as`; 3: as socket activation does it. */
pid_t process_start_given(const char *const argv[], int listener, int as, const char *output);
bool process_ended(pid_t pid, int *status); /* collects it, when it is ours to collect */
int process_stop(struct stage *s, pid_t pid, int signal); /* and wait; its exit status */
size_t process_children(pid_t parent, pid_t *out, size_t max);
long process_memory_kb(pid_t pid); /* proportional set size; -1: gone */
int64_t process_cpu_ms(pid_t pid); /* user and system time so far; -1: gone */

/* ---- servers ----------------------------------------------------------------------- */

/* Each runs with its example configuration, as people run it, and with TLS and HTTP/2 when the
 * stage is secure; each returns when it accepts.  As root, Apache and its responders are
 * www-data, and the stage's files become that account's; the others stay root. */

/* lighttpd, which starts the responder (lighttpd.conf.example). */
void lighttpd_start(struct stage *s);
/* lighttpd with `config` in its place (which may use the var.rowcast_… names). */
void lighttpd_start_with(struct stage *s, const char *config);
/* lighttpd before a responder that runs already (conf/lighttpd-socket.conf.example); `backend`
 * is its "socket", or "host" and "port". */
void lighttpd_start_external(struct stage *s, const char *backend);
/* lighttpd with `before` in front of that, and a `socket`. */
void lighttpd_start_socket_with(struct stage *s, const char *before, const char *socket);
void lighttpd_start_cgi(struct stage *s); /* by mod_cgi (conf/lighttpd-cgi.conf.example) */

/* Apache (conf/apache.conf.example), which starts a responder for each stream. */
void apache_start_fcgid(struct stage *s);
void apache_start_fcgid_with(struct stage *s, const char *more); /* `more` comes after it */
/* Before a responder that listens on `socket`, now or later. */
void apache_start_proxy(struct stage *s, const char *socket);
void apache_start_cgi(struct stage *s); /* by mod_cgid */

/* nginx before a responder on `socket` (conf/nginx.conf.example), and with fcgiwrap in the
 * place of one (conf/nginx-cgi.conf.example), which carries eight requests at once. */
void nginx_start(struct stage *s, const char *socket);
/* The same with `more` behind the example, in the server's block. */
void nginx_start_with(struct stage *s, const char *socket, const char *more);
void nginx_start_cgi(struct stage *s);

void server_stop(struct stage *s);    /* SIGTERM; waits for it and for its responders */
void server_restart(struct stage *s); /* that, and started as before */
/* The signal of the server's own reload (USR1, USR1, HUP); does not wait for anything. */
void server_reload(struct stage *s);

/* The responder that lighttpd runs; waits until there is one. */
pid_t responder_pid(struct stage *s);
/* Kill -9 the responder while lighttpd stands still and cannot start another. */
void responder_kill(struct stage *s);
void responder_revive(struct stage *s); /* lighttpd goes on, and starts one */

/* The responder by itself: --listen `where`; returns when it accepts. */
void responder_start(struct stage *s, const char *where, const char *user);

/* The responder's --check, valid until the next call; `user` NULL: as we are. */
const char *responder_check(struct stage *s, const char *user, int *status);

/* Take the account that servers give up root for into the stage's folder. */
void stage_share_with(struct stage *s, const char *user);
/* And one file more, if it is there; without root: nothing. */
void stage_give(struct stage *s, const char *path, const char *user);

/* A disk of `size` ("1m") at s->small, which is gone with the stage; again: its new size.
 * false: we may not mount. */
bool stage_mount_small(struct stage *s, const char *size);
void stage_fill_small(struct stage *s); /* not a byte is left */

/* ---- the shell --------------------------------------------------------------------- */

/* Publish one event past the responder, to everyone (""), to a channel, or to a session. */
void publish(struct stage *s, const char *channel, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void publish_to(struct stage *s, const char *session, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Run the sqlite3 shell on the log (or the sessions), and give what it printed, valid until the
 * next call.  The first two have the patience that README advises, and fail the test where the
 * shell fails; the third is the stock shell, which has none. */
const char *shell(struct stage *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *shell_sessions(struct stage *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *shell_status(struct stage *s, int *status, const char *sql);
void shell_set(struct stage *s, const char *name, const char *value); /* rowcast_config */
/* Insert rows whose data are the numbers from `first` to `last`, in one transaction. */
void shell_count(struct stage *s, const char *type, int first, int last);

/* ---- browsers ---------------------------------------------------------------------- */

struct sse_event {
    char *type; /* "message" where none was given */
    char *data;
    size_t data_len;
    char *id; /* the last event id, as it stands after this event */
};

/* A browser with one EventSource, by the letter of WHATWG HTML 9.2: it reconnects with its last
 * event id after `retry`, and is dead for good after a status other than 200.  It reads only
 * while it is asked for an event; between, it is stalled.  On a secure stage each connection,
 * and each plain request below, is a curl process that must speak HTTP/2 (wire.h); what is
 * narrow there is the way from curl to us, so some megabytes fit between. */
struct browser *browser_new(struct stage *s, const char *path); /* not connected */
struct browser *browser_open(struct stage *s, const char *path);
void browser_header(struct browser *b, const char *name, const char *value); /* NULL: none */
void browser_connect(struct browser *b);
void browser_cut(struct browser *b);    /* the connection breaks; it will come back */
void browser_reload(struct browser *b); /* the page again: the cookie stays, the id is gone */
void browser_close(struct browser *b);  /* the tab is closed; b stays until the test's end */
void browser_share_cookie(struct browser *to, const struct browser *from);
void browser_widen(struct browser *b); /* of a narrow stage: now it takes what it gets */
void browser_come_back(struct browser *b, bool yes); /* whether it reconnects; at first: yes */

bool browser_is_dead(const struct browser *b);
/* Read on, whatever comes, until the connection ends; false: it does not within the time. */
bool browser_sees_end(struct browser *b, int timeout_ms);
int browser_status(const struct browser *b);
const char *browser_cookie(const struct browser *b);  /* the session's token; "" none */
const char *browser_last_id(const struct browser *b); /* "" none */
const char *browser_head(const struct browser *b);    /* the response's header lines */
/* The first 64 KiB of the body of this connection, as they came. */
const char *browser_body(const struct browser *b);

/* The next event, heartbeats and `opening` apart; NULL: none within the time.  Valid until the
 * next call for this browser. */
const struct sse_event *browser_next(struct browser *b, int timeout_ms);

/* ---- expectations ------------------------------------------------------------------ */

/* Each takes the next event (heartbeats apart), and fails if it is another, or if none
 * comes. */
#define expect_connected(b) expect_connected_at(b, __FILE__, __LINE__)
#define expect_event(b, type, data) expect_event_at(b, type, data, __FILE__, __LINE__)
#define expect_gap(b, reason, id) expect_gap_at(b, reason, id, __FILE__, __LINE__)
#define expect_replay_start(b, n) expect_replay_at(b, "replay-start", n, __FILE__, __LINE__)
#define expect_replay_end(b, n) expect_replay_at(b, "replay-end", n, __FILE__, __LINE__)
#define expect_count(b, type, first, last)                                                     \
    expect_count_at(b, type, first, last, __FILE__, __LINE__)
#define expect_delivery(s, n) expect_delivery_at(s, n, __FILE__, __LINE__)
#define expect_rows(b, type, first, last)                                                      \
    expect_rows_at(b, type, first, last, __FILE__, __LINE__)

/* So many heartbeats, and nothing else. */
#define expect_heartbeats(b, n) expect_heartbeats_at(b, n, __FILE__, __LINE__)
void expect_heartbeats_at(struct browser *b, int n, const char *file, int line);

/* What `connected` said: the session's id, valid until the next call. */
const char *expect_connected_at(struct browser *b, const char *file, int line);
/* `data` NULL: any.  Gives the event. */
const struct sse_event *expect_event_at(struct browser *b, const char *type, const char *data,
                                        const char *file, int line);
/* A gap of this reason, whose id has the number `id` (-1: any); gives the event. */
const struct sse_event *expect_gap_at(struct browser *b, const char *reason, int64_t id,
                                      const char *file, int line);
void expect_replay_at(struct browser *b, const char *which, int64_t count, const char *file,
                      int line);
/* Events whose data are the numbers from first to last, in order, with growing ids. */
void expect_count_at(struct browser *b, const char *type, int first, int last, const char *file,
                     int line);
/* The same over as many connections as it takes: what a stream begins with is passed over. */
void expect_rows_at(struct browser *b, const char *type, int first, int last, const char *file,
                    int line);
/* A new browser connects, and gets an event with this number that the shell inserts. */
void expect_delivery_at(struct stage *s, int n, const char *file, int line);

int64_t id_number(const char *id); /* of 5f2a91c0-19: 19; -1: not one of ours */
const char *id_text(struct stage *s, int64_t number); /* the other way; valid until the next */

/* ---- plain requests ---------------------------------------------------------------- */

struct answer {
    int status;
    char head[4096];
    char body[65536];
};

/* One request; `headers` are whole lines, each with its CRLF; `body` NULL: none. */
void request(struct stage *s, struct answer *out, const char *method, const char *path,
             const char *headers, const char *body);
/* POST with the publish token. */
void post(struct stage *s, struct answer *out, const char *path, const char *body);
/* A number of GET /sse/stats; -1: not there. */
int64_t stats(struct stage *s, const char *name);

#endif
