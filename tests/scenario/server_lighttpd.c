#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/server.h"

void lighttpd_start_with(struct stage *s, const char *config)
{
    char text[16384];
    server_place_later(s);
    server_place_pages(s);
    server_place_secrets(s);
    int n = snprintf(text, sizeof text,
                     "server.bind = \"%s\"\n"
                     "server.port = %d\n"
                     "server.document-root = \"%s\"\n"
                     "server.errorlog = \"%s\"\n"
                     "server.upload-dirs = ( \"%s\" )\n"
                     "var.rowcast_program = \"%s\"\n"
                     "var.rowcast_db = \"%s\"\n"
                     "var.rowcast_socket = \"%s/socket-%d\"\n"
                     "var.rowcast_log = \"%s\"\n"
                     "var.rowcast_later = \"%s/rowcast-later.cgi\"\n"
                     "var.rowcast_web = \"%s/pages\"\n",
                     s->host, s->port, s->folder, s->errors, s->folder, s->program, s->db,
                     s->folder, s->port, s->log, s->folder, s->folder);
    if (s->secure)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "server.modules += ( \"mod_openssl\" )\n"
                      "ssl.engine = \"enable\"\nssl.pemfile = \"%s/tls.pem\"\n",
                      s->folder);
    snprintf(text + n, sizeof text - (size_t)n, "%s\n", config);
    server_configure(s, "lighttpd.conf", text);
    const char *const argv[] = {"/usr/sbin/lighttpd", "-D", "-f", s->config, NULL};
    server_start(s, argv, SIGUSR1);
}

static void start_example(struct stage *s, const char *name)
{
    char line[PATH_MAX + 32];
    snprintf(line, sizeof line, "include \"%s\"", server_example(s, name));
    lighttpd_start_with(s, line);
}

void lighttpd_start(struct stage *s)
{
    start_example(s, "lighttpd.conf.example");
}

void lighttpd_start_cgi(struct stage *s)
{
    start_example(s, "conf/lighttpd-cgi.conf.example");
}

/* The example, with another backend in the place of its socket. */
static void start_socket(struct stage *s, const char *before, const char *backend)
{
    static const char place[] = "\"socket\" => var.rowcast_socket";
    char example[10240], config[14336];
    FILE *f = fopen(server_example(s, "conf/lighttpd-socket.conf.example"), "re");
    size_t n = f ? fread(example, 1, sizeof example - 1, f) : 0;
    if (f)
        fclose(f);
    example[n] = '\0';
    const char *at = strstr(example, place);
    if (!at)
        fail_stage(s, "conf/lighttpd-socket.conf.example has no line %s", place);
    snprintf(config, sizeof config, "%s\n%.*s%s%s", before, (int)(at - example), example,
             backend, at + strlen(place));
    lighttpd_start_with(s, config);
}

void lighttpd_start_external(struct stage *s, const char *backend)
{
    start_socket(s, "", backend);
}

void lighttpd_start_socket_with(struct stage *s, const char *before, const char *socket)
{
    char backend[NAME_SIZE + 32];
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", socket);
    start_socket(s, before, backend);
}
