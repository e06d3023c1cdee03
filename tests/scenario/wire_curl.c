/* HTTP/2 over TLS by a curl process a request. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

enum { HEADERS_MAX = 32 };

struct command {
    const char *argv[24 + 2 * HEADERS_MAX];
    size_t n;
    char url[2048];
    char lines[8192]; /* the headers, cut at their ends */
};

static void add(struct command *c, const char *word)
{
    assert_true(c->n < sizeof c->argv / sizeof *c->argv - 1);
    c->argv[c->n++] = word;
}

static void add_headers(struct command *c, const char *headers)
{
    char *rest = NULL;
    snprintf(c->lines, sizeof c->lines, "%s", headers);
    /* What curl says of itself, unless the caller says it. */
    if (!strcasestr(headers, "user-agent:"))
        add(c, "-HUser-Agent:");
    if (!strcasestr(headers, "accept:"))
        add(c, "-HAccept:");
    if (!strcasestr(headers, "content-type:"))
        add(c, "-HContent-Type:");
    for (char *l = strtok_r(c->lines, "\r\n", &rest); l; l = strtok_r(NULL, "\r\n", &rest)) {
        add(c, "-H");
        add(c, l);
    }
}

static void compose(struct command *c, const struct stage *s, const char *method,
                    const char *path, const char *headers, bool body)
{
    /* No settings of whoever runs the tests, no proxy, and the path byte for byte. */
    static const char *const always[] = {
        "/usr/bin/curl", "-q",      "-s",        "-N", "-i", "-g", "-k",
        "--path-as-is",  "--http2", "--noproxy", "*",  "-X"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        add(c, always[i]);
    add(c, method);
    if (body) {
        add(c, "--data-binary");
        add(c, "@-");
    }
    add_headers(c, headers);
    snprintf(c->url, sizeof c->url, "https://%s:%d%s", s->host, s->port, path);
    add(c, c->url);
    c->argv[c->n] = NULL;
}

/* What curl reads as its input: the body, in memory, since a pipe may be too small for it. */
static int body_file(const char *body)
{
    size_t n = strlen(body);
    int fd = memfd_create("body", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, body, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void become_curl(const struct command *c, int in, int out, pid_t parent)
{
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
        getppid() != parent)
        _exit(126);
    execv(c->argv[0], (char *const *)c->argv);
    _exit(127);
}

bool wire_curl_ask(struct wire *w, const struct stage *s, const char *method, const char *path,
                   const char *headers, const char *body)
{
    struct command c = {.n = 0};
    int pair[2];
    pid_t parent = getpid();
    wire_init(w);
    compose(&c, s, method, path, headers, body != NULL && strcmp(method, "GET") != 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;
    if (s->narrow)
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &(int){16384}, sizeof(int));
    int in = body ? body_file(body) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    w->fd = pair[0];
    pid_t pid = fork();
    if (pid == 0)
        become_curl(&c, in, pair[1], parent);
    close(in);
    close(pair[1]);
    w->curl = pid > 0 ? pid : 0;
    return pid > 0;
}

bool wire_curl_whole(struct wire *w)
{
    int how = -1;
    bool ours = waitpid(w->curl, &how, 0) == w->curl;
    w->curl = 0;
    return ours && WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

void wire_curl_end(struct wire *w)
{
    kill(w->curl, SIGKILL);
    waitpid(w->curl, NULL, 0);
    w->curl = 0;
}
