#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/scenario/server.h"
#include "tests/scenario/wire.h"

const char *server_example(struct stage *s, const char *name)
{
    static char path[PATH_MAX];
    if (!realpath(name, path))
        fail_stage(s, "%s is not here", name);
    return path;
}

static void write_file(struct stage *s, const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f))
        fail_stage(s, "writing %s: %s", path, strerror(errno));
}

/* Run a program to its end; it has to succeed. */
static void run(struct stage *s, const char *const argv[])
{
    int status = -1;
    pid_t pid = process_start(argv, NULL, s->errors, NULL);
    await(s, process_ended(pid, &status));
    if (status != 0)
        fail_stage(s, "%s ended with %d", argv[0], status);
}

void server_place_later(struct stage *s)
{
    const char *const cp[] = {"/bin/cp", "packaging/rowcast-later.cgi", s->folder, NULL};
    run(s, cp);
}

void server_place_pages(struct stage *s)
{
    char pages[NAME_SIZE];
    snprintf(pages, sizeof pages, "%s/pages", s->folder);
    const char *const cp[] = {"/bin/cp", "-rT", "web", pages, NULL};
    run(s, cp);
}

void server_place_secrets(struct stage *s)
{
    char path[NAME_SIZE];
    snprintf(path, sizeof path, "%s/tls.pem", s->folder);
    const char *const openssl[] = {"/usr/bin/openssl",
                                   "req",
                                   "-x509",
                                   "-newkey",
                                   "ec",
                                   "-pkeyopt",
                                   "ec_paramgen_curve:P-256",
                                   "-nodes",
                                   "-subj",
                                   "/CN=localhost",
                                   "-days",
                                   "2",
                                   "-keyout",
                                   path,
                                   "-out",
                                   path,
                                   NULL};
    if (s->secure && access(path, R_OK) != 0)
        run(s, openssl);
}

void server_configure(struct stage *s, const char *name, const char *text)
{
    snprintf(s->config, sizeof s->config, "%s/%s", s->folder, name);
    write_file(s, s->config, text);
}

/* Any answer will do: / is of no configuration's streams. */
static bool answers(const struct stage *s)
{
    struct wire w;
    bool yes = wire_ask(&w, s, "GET", "/", "", NULL) && wire_read_head(&w, now_ms() + PATIENCE);
    wire_close(&w);
    return yes;
}

void server_start(struct stage *s, const char *const argv[], int reload)
{
    size_t n = 0;
    for (; argv[n] && n + 1 < sizeof s->command / sizeof *s->command; n++)
        s->command[n] = argv[n];
    s->command[n] = NULL;
    s->reload_signal = reload;
    s->server = process_start(s->command, NULL, s->errors, NULL);
    int64_t until = now_ms() + PATIENCE;
    while (!answers(s)) {
        int status = 0;
        if (process_ended(s->server, &status)) {
            s->server = 0;
            fail_stage(s, "%s ended with %d instead of answering", argv[0], status);
        }
        if (now_ms() > until)
            fail_stage(s, "%s does not answer at %s:%d", argv[0], s->host, s->port);
        pause_ms(5);
    }
}

/* Responders that outlived their web server are our children now. */
static bool has_orphans(const struct stage *s)
{
    pid_t child[64];
    char path[64], name[32];
    size_t n = process_children(getpid(), child, 64);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/proc/%d/comm", (int)child[i]);
        FILE *f = fopen(path, "re");
        bool ours = f && fgets(name, sizeof name, f) && strncmp(name, "rowcast", 7) == 0;
        if (f)
            fclose(f);
        if (ours && child[i] != s->alone)
            return true;
    }
    return false;
}

void server_stop(struct stage *s)
{
    if (s->server)
        process_stop(s, s->server, SIGTERM);
    s->server = 0;
    await(s, !has_orphans(s));
}

void server_restart(struct stage *s)
{
    server_stop(s);
    server_start(s, s->command, s->reload_signal);
}

void server_reload(struct stage *s)
{
    kill(s->server, s->reload_signal);
}

pid_t responder_pid(struct stage *s)
{
    pid_t child = 0;
    await(s, process_children(s->server, &child, 1) == 1);
    return child;
}

void responder_kill(struct stage *s)
{
    pid_t pid = responder_pid(s), child = 0;
    kill(s->server, SIGSTOP);
    kill(pid, SIGKILL);
    await(s, process_children(s->server, &child, 1) == 0);
}

void responder_revive(struct stage *s)
{
    kill(s->server, SIGCONT);
    responder_pid(s);
}

static bool accepts(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static bool accepts_at_port(const char *where)
{
    struct wire w;
    bool yes = wire_connect(&w, "127.0.0.1", (int)strtol(where + 1, NULL, 10), false);
    wire_close(&w);
    return yes;
}

void responder_start(struct stage *s, const char *where, const char *user)
{
    const char *const argv[] = {s->program, "--db",     s->db,  "--listen",
                                where,      "--log-to", s->log, NULL};
    s->alone = process_start(argv, NULL, s->errors, user);
    int64_t until = now_ms() + PATIENCE;
    while (where[0] == ':' ? !accepts_at_port(where) : !accepts(where)) {
        int status = 0;
        if (process_ended(s->alone, &status)) {
            s->alone = 0;
            fail_stage(s, "the responder ended with %d instead of listening", status);
        }
        if (now_ms() > until)
            fail_stage(s, "the responder does not listen at %s", where);
        pause_ms(5);
    }
}

const char *responder_check(struct stage *s, const char *user, int *status)
{
    static char said[8192];
    char path[NAME_SIZE];
    const char *const argv[] = {s->program, "--db", s->db, "--check", NULL};
    snprintf(path, sizeof path, "%s/check", s->folder);
    unlink(path);
    pid_t pid = process_start(argv, NULL, path, user);
    await(s, process_ended(pid, status));
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(said, 1, sizeof said - 1, f) : 0;
    if (f)
        fclose(f);
    said[n] = '\0';
    return said;
}
