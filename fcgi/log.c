#include "fcgi/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 1024,
    KINDS = 32,    /* different words that are counted at the same time */
    WHAT_MAX = 40, /* bytes of a word that tell it from another */
    A_SECOND = 20  /* lines of one word in a second; what comes beyond is counted */
};

/* What was logged of one word in the running second. */
struct kind {
    char what[WHAT_MAX];
    enum log_level level;
    int64_t second;
    unsigned written;
    unsigned long unwritten;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kind kinds[KINDS]; /* under the lock, which is never held across a write */
static enum log_level most_wanted = LOG_LEVEL_INFO;
static const char *file_path; /* NULL: the log is no file */
/* A file keeps its number when it is opened again, so nobody writes to a closed one. */
static atomic_int fd = STDERR_FILENO;
static bool to_syslog;

static const char *const level_name[] = {[LOG_LEVEL_ERROR] = "error",
                                         [LOG_LEVEL_WARN] = "warn",
                                         [LOG_LEVEL_INFO] = "info",
                                         [LOG_LEVEL_DEBUG] = "debug"};
static const int level_priority[] = {[LOG_LEVEL_ERROR] = LOG_ERR,
                                     [LOG_LEVEL_WARN] = LOG_WARNING,
                                     [LOG_LEVEL_INFO] = LOG_INFO,
                                     [LOG_LEVEL_DEBUG] = LOG_DEBUG};

enum { LEVELS = sizeof level_name / sizeof *level_name };

bool log_level_parse(enum log_level *out, const char *text)
{
    for (int i = 0; i < LEVELS; i++)
        if (strcasecmp(text, level_name[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

const char *log_level_word(enum log_level level)
{
    return level_name[level];
}

static bool open_file(void)
{
    int file = open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (file < 0)
        return false;
    if (fd == STDERR_FILENO) {
        fd = file;
        return true;
    }
    bool took = dup3(file, fd, O_CLOEXEC) >= 0;
    close(file);
    return took;
}

bool log_open(const char *to, enum log_level most)
{
    log_close();
    most_wanted = most;
    if (strcmp(to, "syslog") == 0) {
        openlog("rowcast", LOG_PID, LOG_DAEMON);
        to_syslog = true;
    } else if (strcmp(to, "stderr") != 0) {
        file_path = to;
        return open_file();
    }
    return true;
}

void log_reopen(void)
{
    if (!file_path)
        return;
    if (open_file())
        log_line(LOG_LEVEL_INFO, "log_reopened", "path=\"%s\"", file_path);
    else
        log_line(LOG_LEVEL_ERROR, "log_not_reopened", "path=\"%s\" why=\"%s\"", file_path,
                 strerror(errno));
}

/* A quote closes only at the end or before the next word: others are people's. */
static bool closes(const char *quote)
{
    const char *next = quote + 1;
    if (*next == '\0')
        return true;
    if (*next++ != ' ')
        return false;
    size_t word = strspn(next, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return word > 0 && next[word] == '=';
}

/* One line stays one line, and a word of it one word. */
static void clean(char *words)
{
    bool quoted = false;
    for (char *c = words; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
        if (*c != '"')
            continue;
        if (!quoted && c > words && c[-1] == '=')
            quoted = true;
        else if (quoted && closes(c))
            quoted = false;
        else
            *c = '\'';
    }
}

static size_t timestamp(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(text + len, size - len, ".%03ldZ ", now.tv_nsec / 1000000);
}

/* One write a line: several processes append to one file. */
static void emit(enum log_level level, const char *what, const char *words,
                 unsigned long repeated)
{
    char line[LINE_MAX_BYTES + 128], count[40] = "";
    if (repeated)
        snprintf(count, sizeof count, " repeated=%lu", repeated);
    if (to_syslog) {
        syslog(level_priority[level], "level=%s what=%s%s%s%s", level_name[level], what,
               words[0] ? " " : "", words, count);
        return;
    }
    size_t at = timestamp(line, sizeof line - 1);
    int len =
        snprintf(line + at, sizeof line - 1 - at, "level=%s pid=%d what=%s%s%s%s",
                 level_name[level], (int)getpid(), what, words[0] ? " " : "", words, count);
    if (len < 0)
        return;
    at += (size_t)len < sizeof line - 1 - at ? (size_t)len : sizeof line - 2 - at;
    line[at++] = '\n';
    if (write(fd, line, at) < 0)
        return; /* a log that can not be written has nowhere to say so */
}

static void tell_unwritten(const struct kind *k)
{
    if (k->unwritten)
        emit(k->level, k->what, "", k->unwritten);
}

/* The entry of `what`, or the one that was not used for longest, whose count goes to *gone. */
static struct kind *kind_of(enum log_level level, const char *what, struct kind *gone)
{
    struct kind *oldest = &kinds[0];
    for (struct kind *k = kinds; k < kinds + KINDS; k++) {
        if (strncmp(k->what, what, WHAT_MAX - 1) == 0)
            return k;
        if (k->second < oldest->second)
            oldest = k;
    }
    *gone = *oldest;
    *oldest = (struct kind){.level = level};
    snprintf(oldest->what, sizeof oldest->what, "%s", what);
    return oldest;
}

static int64_t monotonic_second(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1; /* 0 is an entry that was never used */
}

/* Count one more of `what`.  False: it is one too many for this second.  *repeated: how many
 * were before it. */
static bool count(enum log_level level, const char *what, unsigned long *repeated,
                  struct kind *gone)
{
    int64_t second = monotonic_second();
    pthread_mutex_lock(&lock);
    struct kind *k = kind_of(level, what, gone);
    if (k->second != second)
        k->written = 0;
    k->second = second;
    bool wanted = k->written < A_SECOND;
    *repeated = k->unwritten;
    k->written += wanted;
    k->unwritten = wanted ? 0 : k->unwritten + 1;
    pthread_mutex_unlock(&lock);
    return wanted;
}

void log_line(enum log_level level, const char *what, const char *format, ...)
{
    char words[LINE_MAX_BYTES];
    struct kind gone = {0};
    unsigned long repeated;
    va_list args;
    if (level > most_wanted)
        return;
    bool wanted = count(level, what, &repeated, &gone);
    tell_unwritten(&gone);
    if (!wanted)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    clean(words);
    emit(level, what, words, repeated);
}

void log_close(void)
{
    for (struct kind *k = kinds; k < kinds + KINDS; k++)
        tell_unwritten(k);
    memset(kinds, 0, sizeof kinds);
    if (to_syslog)
        closelog();
    if (fd != STDERR_FILENO)
        close(fd);
    to_syslog = false;
    file_path = NULL;
    fd = STDERR_FILENO;
}
