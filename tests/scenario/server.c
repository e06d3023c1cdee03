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

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

static void write_file(struct stage *s, const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f))
        fail_stage(s, "writing %s: %s", path, strerror(errno));
}

static bool answers(const struct stage *s)
{
    struct wire w;
    bool yes = wire_connect(&w, s->host, s->port, false);
    wire_close(&w);
    return yes;
}

static void start(struct stage *s, const char *const argv[])
{
    s->server = process_start(argv, NULL, s->errors, NULL);
    int64_t until = now_ms() + PATIENCE;
    while (!answers(s)) {
        int status = 0;
        if (process_ended(s->server, &status)) {
            s->server = 0;
            fail_stage(s, "%s ended with %d instead of listening", argv[0], status);
        }
        if (now_ms() > until)
            fail_stage(s, "%s does not listen on %s:%d", argv[0], s->host, s->port);
        pause_ms(5);
    }
}

void lighttpd_start_with(struct stage *s, const char *config)
{
    char path[NAME_SIZE], text[16384];
    snprintf(path, sizeof path, "%s/lighttpd.conf", s->folder);
    snprintf(text, sizeof text,
             "server.bind = \"%s\"\n"
             "server.port = %d\n"
             "server.document-root = \"%s\"\n"
             "server.errorlog = \"%s\"\n"
             "server.upload-dirs = ( \"%s\" )\n"
             "var.rowcast_program = \"%s\"\n"
             "var.rowcast_db = \"%s\"\n"
             "var.rowcast_socket = \"%s/socket-%d\"\n"
             "var.rowcast_log = \"%s\"\n"
             "%s\n",
             s->host, s->port, s->folder, s->errors, s->folder, s->program, s->db, s->folder,
             s->port, s->log, config);
    write_file(s, path, text);
    const char *const argv[] = {"/usr/sbin/lighttpd", "-D", "-f", path, NULL};
    start(s, argv);
}

void lighttpd_start(struct stage *s)
{
    char example[PATH_MAX], line[PATH_MAX + 32];
    if (!realpath("lighttpd.conf.example", example))
        fail_stage(s, "lighttpd.conf.example is not here");
    snprintf(line, sizeof line, "include \"%s\"", example);
    lighttpd_start_with(s, line);
}

void lighttpd_start_external(struct stage *s, const char *backend)
{
    char config[1024];
    snprintf(config, sizeof config,
             "server.modules = ( \"mod_fastcgi\" )\n"
             "server.stream-response-body = 2\n"
             "fastcgi.server = ( \"/sse\" => ( ( %s, \"check-local\" => \"disable\",\n"
             "    \"tcp-fin-propagate\" => \"enable\" ) ) )",
             backend);
    lighttpd_start_with(s, config);
}

void apache_start(struct stage *s)
{
    char path[NAME_SIZE], text[16384];
    static const char *const module[][2] = {{"mpm_event", "mpm_event"},
                                            {"authz_core", "authz_core"},
                                            {"alias", "alias"},
                                            {"env", "env"},
                                            {"fcgid", "fcgid"}};
    stage_share_with(s, "www-data");
    snprintf(path, sizeof path, "%s/apache.conf", s->folder);
    int n = snprintf(text, sizeof text,
                     "ServerName localhost\nServerRoot \"%s\"\nListen %s:%d\n"
                     "PidFile \"%s/apache.pid\"\nErrorLog \"%s\"\n"
                     "User www-data\nGroup www-data\n",
                     s->folder, s->host, s->port, s->folder, s->errors);
    for (size_t i = 0; i < sizeof module / sizeof *module; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", module[i][0],
                      module[i][1]);
    snprintf(text + n, sizeof text - (size_t)n,
             "FcgidIPCDir \"%s\"\nFcgidProcessTableFile \"%s/fcgid_shm\"\n"
             "FcgidOutputBufferSize 0\nFcgidIOTimeout 60\nFcgidBusyTimeout 2147483647\n"
             "FcgidMaxProcessesPerClass 8\nFcgidMaxProcesses 8\nFcgidMaxRequestLen 1048576\n"
             "FcgidPassHeader Authorization\nFcgidInitialEnv ROWCAST_DB \"%s\"\n"
             "FcgidInitialEnv ROWCAST_LOG_TO \"%s\"\nScriptAlias /sse \"%s\"\n"
             "<Directory \"%s\">\nSetHandler fcgid-script\nOptions +ExecCGI\n"
             "Require all granted\n</Directory>\n",
             s->folder, s->folder, s->db, s->log, s->program, s->folder);
    write_file(s, path, text);
    const char *const argv[] = {"/usr/sbin/apache2", "-DFOREGROUND", "-f", path, NULL};
    start(s, argv);
}

void server_stop(struct stage *s)
{
    pid_t child[2];
    if (s->server)
        process_stop(s, s->server, SIGTERM);
    s->server = 0;
    /* Its responder may need a moment longer; we are its parent now. */
    await(s, process_children(getpid(), child, 2) <= (size_t)(s->alone != 0));
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
