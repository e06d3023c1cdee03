#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/server.h"

/* An nginx that touches nothing outside the stage's folder. */
static void start_with(struct stage *s, const char *server)
{
    char text[12288];
    server_place_pages(s);
    server_place_secrets(s);
    int n = snprintf(text, sizeof text,
                     "daemon off;\npid %s/nginx.pid;\nerror_log %s;\n%s"
                     "worker_processes 1;\nworker_rlimit_nofile 4096;\n"
                     "events { worker_connections 2000; }\n"
                     "http {\naccess_log off;\n",
                     s->folder, s->errors, geteuid() == 0 ? "user root;\n" : "");
    static const char *const temp[] = {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"};
    for (size_t i = 0; i < sizeof temp / sizeof *temp; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s_temp_path %s/%s;\n", temp[i],
                      s->folder, temp[i]);
    n += snprintf(text + n, sizeof text - (size_t)n, "server {\nlisten %s:%d%s;\n", s->host,
                  s->port, s->secure ? " ssl http2" : "");
    if (s->secure)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "ssl_certificate %s/tls.pem;\nssl_certificate_key %s/tls.pem;\n",
                      s->folder, s->folder);
    snprintf(text + n, sizeof text - (size_t)n, "%s}\n}\n", server);
    server_configure(s, "nginx.conf", text);
    const char *const argv[] = {"/usr/sbin/nginx", "-p", s->folder, "-c",
                                s->config,         "-e", s->errors, NULL};
    server_start(s, argv, SIGHUP);
}

void nginx_start(struct stage *s, const char *socket)
{
    nginx_start_with(s, socket, "");
}

void nginx_start_with(struct stage *s, const char *socket, const char *more)
{
    char server[8192];
    snprintf(server, sizeof server,
             "set $rowcast_socket unix:%s;\nset $rowcast_web %s/pages;\ninclude %s;\n%s\n",
             socket, s->folder, server_example(s, "conf/nginx.conf.example"), more);
    start_with(s, server);
}

void nginx_start_cgi(struct stage *s)
{
    char server[8192], where[NAME_SIZE + 16];
    snprintf(where, sizeof where, "unix:%s/wrap", s->folder);
    const char *const argv[] = {"/usr/sbin/fcgiwrap", "-c", "8", "-s", where, NULL};
    s->wrapper = process_start(argv, NULL, s->errors, NULL);
    await(s, access(where + strlen("unix:"), W_OK) == 0);
    snprintf(server, sizeof server,
             "set $rowcast_wrapper %s;\nset $rowcast_program %s;\nset $rowcast_db %s;\n"
             "set $rowcast_log %s;\nset $rowcast_web %s/pages;\ninclude %s;\n",
             where, s->program, s->db, s->log, s->folder,
             server_example(s, "conf/nginx-cgi.conf.example"));
    start_with(s, server);
}
