#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenario/server.h"

/* What every Apache has, and what a way needs beside it.  Not more: mod_fcgid alone makes each
 * reload stop for 3 s. */
static const char *const modules[] = {"mpm_event", "authz_core", "alias",    "cgid", "dir",
                                      "mime",      "headers",    "setenvif", NULL};
static const char *const secure_modules[] = {"ssl", "http2", NULL};

struct way {
    const char *name; /* of conf/apache.conf.example */
    const char *const modules[5];
    const char *settings; /* relative paths are in the stage's folder, the ServerRoot */
};
static const struct way proxy = {"ROWCAST_PROXY", {"proxy", "proxy_fcgi", NULL}, ""};
static const struct way secure_proxy = {
    "ROWCAST_PROXY", {"proxy", "proxy_fcgi", "proxy_http", "remoteip", NULL}, ""};
static const struct way cgi = {"ROWCAST_CGI", {"env", NULL}, ""};
static const struct way fcgid = {
    "ROWCAST_FCGID", {"fcgid", NULL}, "FcgidIPCDir .\nFcgidProcessTableFile fcgid_shm\n"};

static size_t load(char *out, size_t size, const char *const names[])
{
    size_t n = 0;
    for (; *names; names++)
        n += (size_t)snprintf(out + n, size - n,
                              "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n",
                              *names, *names);
    return n;
}

/* Everything is in the stage's folder. */
static size_t begin(const struct stage *s, const struct way *way, char *out, size_t size)
{
    size_t n = load(out, size, modules);
    n += load(out + n, size - n, way->modules);
    n += (size_t)snprintf(out + n, size - n,
                          "ServerName localhost\nServerRoot \"%s\"\nDefaultRuntimeDir \"%s\"\n"
                          "Listen %s:%d\nPidFile \"%s/apache.pid\"\nErrorLog \"%s\"\n"
                          "ScriptSock \"%s/cgid\"\nTypesConfig /etc/mime.types\n",
                          s->folder, s->folder, s->host, s->port, s->folder, s->errors,
                          s->folder);
    if (geteuid() == 0)
        n += (size_t)snprintf(out + n, size - n, "User www-data\nGroup www-data\n");
    if (s->secure) {
        n += load(out + n, size - n, secure_modules);
        n += (size_t)snprintf(out + n, size - n,
                              "Protocols h2 http/1.1\nSSLEngine on\n"
                              "SSLCertificateFile \"%s/tls.pem\"\n",
                              s->folder);
    }
    return n;
}

/* The places, and the example. */
static size_t include(struct stage *s, const struct way *way, const char *socket, char *out,
                      size_t size)
{
    return (size_t)snprintf(
        out, size,
        "%sDefine %s\nDefine ROWCAST_SOCKET \"%s\"\nDefine ROWCAST_PROGRAM \"%s\"\n"
        "Define ROWCAST_DB \"%s\"\nDefine ROWCAST_LOG \"%s\"\n"
        "Define ROWCAST_LATER \"%s/rowcast-later.cgi\"\n"
        "Define ROWCAST_WEB \"%s/pages\"\nInclude \"%s\"\n",
        way->settings, way->name, socket, s->program, s->db, s->log, s->folder, s->folder,
        server_example(s, "conf/apache.conf.example"));
}

/* HTTP/2 before mod_proxy_fcgi in two steps, as the example tells. */
static size_t include_twice(struct stage *s, const struct way *way, const char *socket,
                            char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size,
                                "Listen %s:%d\n<VirtualHost %s:%d>\nSSLEngine off\n"
                                "Protocols http/1.1\nRemoteIPHeader X-Forwarded-For\n"
                                "RemoteIPInternalProxy 127.0.0.0/8\n",
                                s->host, s->port + 1, s->host, s->port + 1);
    n += include(s, way, socket, out + n, size - n);
    n += (size_t)snprintf(out + n, size - n,
                          "</VirtualHost>\nUnDefine ROWCAST_PROXY\n"
                          "Define ROWCAST_INNER %s:%d\n<VirtualHost %s:%d>\nInclude \"%s\"\n"
                          "</VirtualHost>\n",
                          s->host, s->port + 1, s->host, s->port,
                          server_example(s, "conf/apache.conf.example"));
    return n;
}

static void start_way(struct stage *s, const struct way *way, const char *socket,
                      const char *more)
{
    char text[16384];
    if (geteuid() == 0)
        stage_share_with(s, "www-data");
    server_place_later(s);
    server_place_pages(s);
    server_place_secrets(s);
    size_t n = begin(s, way, text, sizeof text);
    if (way == &secure_proxy)
        n += include_twice(s, way, socket, text + n, sizeof text - n);
    else
        n += include(s, way, socket, text + n, sizeof text - n);
    snprintf(text + n, sizeof text - n, "%s", more);
    server_configure(s, "apache.conf", text);
    const char *const argv[] = {"/usr/sbin/apache2", "-DFOREGROUND", "-f", s->config, NULL};
    server_start(s, argv, SIGUSR1);
}

void apache_start_fcgid_with(struct stage *s, const char *more)
{
    start_way(s, &fcgid, "-", more);
}

void apache_start_fcgid(struct stage *s)
{
    apache_start_fcgid_with(s, "");
}

/* Over HTTP/2 by way of the inner host, as the example tells. */
void apache_start_proxy(struct stage *s, const char *socket)
{
    start_way(s, s->secure ? &secure_proxy : &proxy, socket, "");
    stage_give(s, socket, "www-data");
}

void apache_start_cgi(struct stage *s)
{
    start_way(s, &cgi, "-", "");
}
