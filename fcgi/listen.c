#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/log.h"
#include "fcgi/options.h"

enum { BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
};

static int refuse(int fd, const char *where, const char *why)
{
    log_line(LOG_LEVEL_ERROR, "listen_failed", "where=\"%s\" why=\"%s\"", where, why);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool port_address(union address *a, socklen_t *len, const char *port)
{
    char *end;
    long n = strtol(port, &end, 10);
    if (*port < '0' || *port > '9' || *end || n < 1 || n > 65535)
        return false;
    a->in = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)n),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *len = sizeof a->in;
    return true;
}

static bool path_address(union address *a, socklen_t *len, const char *path)
{
    if (strlen(path) >= sizeof a->un.sun_path)
        return false;
    a->un = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->un.sun_path, path);
    *len = sizeof a->un;
    return true;
}

/* A process that was killed leaves its socket file; one that lives still answers on it. */
static void remove_if_dead(const union address *a, socklen_t len, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, &a->any, len) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

int options_listen(const char *where)
{
    union address a;
    socklen_t len;
    int yes = 1;
    bool is_port = *where == ':';
    if (is_port ? !port_address(&a, &len, where + 1) : !path_address(&a, &len, where))
        return refuse(-1, where, is_port ? "a port is 1 to 65535" : "the path is too long");
    if (!is_port)
        remove_if_dead(&a, len, where);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse(fd, where, strerror(errno));
    if (is_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, &a.any, len) != 0 || listen(fd, BACKLOG) != 0)
        return refuse(fd, where, strerror(errno));
    return fd;
}

void options_unlisten(const char *where)
{
    if (*where != ':')
        unlink(where);
}
