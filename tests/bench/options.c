#include "tests/bench/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option names[] = {
    {"url", required_argument, NULL, 'u'},
    {"fastcgi", required_argument, NULL, 'f'},
    {"db", required_argument, NULL, 'd'},
    {"token", required_argument, NULL, 't'},
    {"normal", no_argument, NULL, 'n'},
    {"streams", required_argument, NULL, 's'},
    {"burst", required_argument, NULL, 'B'},
    {"missed", required_argument, NULL, 'm'},
    {"rows", required_argument, NULL, 'r'},
    {"every", required_argument, NULL, 'e'},
    {"batch", required_argument, NULL, 'b'},
    {"size", required_argument, NULL, 'z'},
    {"idle", required_argument, NULL, 'i'},
    {"patience", required_argument, NULL, 'w'},
    {"pid", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"path", required_argument, NULL, 'P'},
    {"hup", required_argument, NULL, 'H'},
    {"publishers", required_argument, NULL, 'q'},
    {"compare", no_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

static void usage(void)
{
    fputs("usage: bench --url HOST:PORT/PATH | --fastcgi SOCKET [--path PATH]\n"
          "             --db LOG [--normal] | --token PUBLISH_TOKEN\n"
          "             | --publishers N --db LOG --token PUBLISH_TOKEN\n"
          "  --streams N      open N streams (1), at most --burst N (128) at a time\n"
          "  --missed ROWS    publish ROWS first, which every stream then resumes\n"
          "  --rows N         publish N rows to the open streams (0)\n"
          "  --every MS       with MS between them (0: as fast as they are taken)\n"
          "  --batch ROWS     so many rows a transaction (1)\n"
          "  --size BYTES     of data a row, at least (32)\n"
          "  --normal         synchronous=NORMAL instead of SQLite's default\n"
          "  --idle S         wait S seconds before publishing, and measure\n"
          "  --pid NAME=PID   memory and CPU of this process; up to 8 times\n"
          "  --hup PID        send SIGHUP when publishing starts; each stream that is ended\n"
          "                   comes back as a browser does, and every one has to\n"
          "  --publishers N   no streams: N publishers post the rows, each one at a time, and\n"
          "                   what they are answered is compared with the log\n"
          "  --compare        then SQLite commits as many rows one by one\n"
          "  --patience S     give up after S seconds without progress (10)\n",
          stderr);
}

static bool copy(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool read_url(struct options *o, const char *url)
{
    if (strncmp(url, "http://", 7) == 0)
        url += 7;
    const char *slash = strchr(url, '/');
    const char *colon = strchr(url, ':');
    if (!slash || !colon || colon > slash)
        return false;
    return copy(o->host, sizeof o->host, url, (size_t)(colon - url)) &&
           copy(o->port, sizeof o->port, colon + 1, (size_t)(slash - colon - 1)) &&
           copy(o->path, sizeof o->path, slash, strlen(slash));
}

static bool read_process(struct options *o, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || o->process_count == PROCESSES_MAX)
        return false;
    struct process *p = &o->process[o->process_count++];
    p->pid = (pid_t)strtol(equals + 1, NULL, 10);
    return p->pid > 0 && copy(p->name, sizeof p->name, text, (size_t)(equals - text));
}

static bool read_count(long *out, const char *text)
{
    char *end;
    *out = strtol(text, &end, 10);
    return end != text && *end == '\0' && *out >= 0;
}

static bool read_real(double *out, const char *text)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0;
}

static bool read_option(struct options *o, int letter, const char *value)
{
    switch (letter) {
    case 'u':
        return read_url(o, value);
    case 'f':
        o->socket = value;
        return true;
    case 'P':
        return copy(o->path, sizeof o->path, value, strlen(value));
    case 'd':
        o->db = value;
        return true;
    case 't':
        o->token = value;
        return true;
    case 'n':
        o->normal = true;
        return true;
    case 's':
        return read_count(&o->streams, value) && o->streams > 0;
    case 'B':
        return read_count(&o->burst, value) && o->burst > 0;
    case 'm':
        return read_count(&o->missed, value);
    case 'r':
        return read_count(&o->rows, value);
    case 'e':
        return read_real(&o->every, value);
    case 'b':
        return read_count(&o->batch, value) && o->batch > 0;
    case 'z':
        return read_count(&o->size, value);
    case 'i':
        return read_real(&o->idle, value);
    case 'w':
        return read_count(&o->patience, value);
    case 'p':
        return read_process(o, value);
    case 'H':
        o->hup = (pid_t)strtol(value, NULL, 10);
        return o->hup > 0;
    case 'q':
        return read_count(&o->publishers, value) && o->publishers > 0;
    case 'c':
        o->compare = true;
        return true;
    default:
        return false;
    }
}

/* What each option allows may still make no sense together. */
static bool consistent(const struct options *o)
{
    if ((o->host[0] != '\0') == (o->socket != NULL))
        return false;
    if (o->publishers)
        return o->token && o->db && !o->socket && o->rows && o->size < 16384;
    if (o->token && (o->db || o->socket)) /* rows are posted through the web server only */
        return false;
    return o->db || o->token || (!o->rows && !o->missed);
}

bool options_read(struct options *o, int argc, char **argv)
{
    *o = (struct options){
        .path = "/events", .streams = 1, .burst = 128, .batch = 1, .size = 32, .patience = 10};
    int letter;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!read_option(o, letter, optarg)) {
            usage();
            return false;
        }
    if (optind < argc || !consistent(o)) {
        usage();
        return false;
    }
    return true;
}
