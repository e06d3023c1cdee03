/* Lines are counted by their word before they are made, so a fault that comes a thousand
 * times in a second costs twenty writes.  The table is small and searched from its beginning:
 * there are about fifty words, and few of them in any one second.
 *
 * Two numbers tell what a reader does not see.  `repeated` counts lines that we did not write,
 * because there were too many of their kind.  `lost` counts lines that the destination did not
 * take.  Neither is dropped when its entry is reused or the log is closed. */
#include "fcgi/base/log.h"

#include <errno.h>
#include <paths.h>
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

#include "fcgi/base/log_out.h"
#include "fcgi/base/monotonic.h"

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
static bool not_opened;       /* the log could not be opened, and a line said so */
static atomic_ulong lost;     /* lines that the log did not take since the last that it did */

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

/* Stderr may be /dev/null: syslog is where somebody may still see it. */
static void tell_syslog(const char *to, const char *why)
{
    char line[LINE_MAX_BYTES];
    int len =
        snprintf(line, sizeof line,
                 "<%d>rowcast[%d]: level=error what=log_not_opened to=\"%s\" why=\"%s\"\n",
                 LOG_DAEMON | LOG_ERR, (int)getpid(), to, why);
    if (len < (int)sizeof line && out_syslog(_PATH_LOG))
        out_line(line, (size_t)len);
}

/* A file that cannot be opened is still wanted: log_look tries again. */
static bool open_wanted(const char *to)
{
    if (strcmp(to, "stderr") == 0) {
        out_stderr();
        return true;
    }
    if (strcmp(to, "syslog") == 0)
        return out_syslog(_PATH_LOG);
    file_path = to;
    return out_file(to);
}

bool log_open(const char *to, enum log_level most)
{
    log_close();
    most_wanted = most;
    if (open_wanted(to))
        return true;
    const char *why = strerror(errno);
    if (file_path) {
        tell_syslog(to, why);
        if (open_wanted(to))
            return true;
    }
    not_opened = true;
    log_line(LOG_LEVEL_ERROR, "log_not_opened",
             "to=\"%s\" why=\"%s\" note=\"tried again each second\"", to, why);
    return false;
}

static void tell_reopened(void)
{
    not_opened = false;
    log_line(LOG_LEVEL_INFO, "log_reopened", "path=\"%s\"", file_path ? file_path : "syslog");
}

static void tell_not_reopened(void)
{
    const char *why = strerror(errno);
    if (!not_opened)
        log_line(LOG_LEVEL_ERROR, "log_not_reopened", "path=\"%s\" why=\"%s\"",
                 file_path ? file_path : "syslog", why);
    not_opened = true;
}

void log_reopen(void)
{
    if (!file_path)
        return;
    not_opened = false; /* a person asked for this one, so another failure gets a line, too */
    if (out_reopen())
        tell_reopened();
    else
        tell_not_reopened();
}

void log_look(void)
{
    switch (out_look()) {
    case OUT_SAME:
        break;
    case OUT_REOPENED:
        tell_reopened();
        break;
    case OUT_FAILED:
        tell_not_reopened();
        break;
    }
}

/* A quote ends a value only at the end of the line or before the next `key=`.  Any other quote
 * is part of what people wrote. */
static bool closes(const char *quote)
{
    const char *next = quote + 1;
    if (!*next)
        return true;
    if (*next++ != ' ')
        return false;
    size_t word = strspn(next, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return word > 0 && next[word] == '=';
}

/* Keep one line one line, and each `key="value"` one word, whatever the values hold: some come
 * from strangers, who could otherwise forge lines. */
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

/* What a line begins with; syslog knows the time and asks for the level as a number. */
static int line_head(char *text, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    if (out_is_syslog())
        return snprintf(text, size, "<%d>rowcast[%d]: level=%s",
                        LOG_DAEMON | level_priority[level], (int)getpid(), level_name[level]);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return (int)len + snprintf(text + len, size - len, ".%03ldZ level=%s pid=%d",
                               now.tv_nsec / 1000000, level_name[level], (int)getpid());
}

/* Each line is one write, because several processes may append to one file. */
static void emit(enum log_level level, const char *what, const char *words,
                 unsigned long repeated)
{
    char line[LINE_MAX_BYTES + 192], counts[80] = "";
    unsigned long before = atomic_exchange(&lost, 0);
    int at = line_head(line, sizeof line, level), n = 0;
    if (repeated)
        n = snprintf(counts, sizeof counts, " repeated=%lu", repeated);
    if (before)
        snprintf(counts + n, sizeof counts - (size_t)n, " lost=%lu", before);
    int len = snprintf(line + at, sizeof line - 1 - (size_t)at, " what=%s%s%s%s", what,
                       words[0] ? " " : "", words, counts);
    at += len < (int)sizeof line - 1 - at ? len : (int)sizeof line - 2 - at;
    line[at++] = '\n';
    if (!out_line(line, (size_t)at))
        atomic_fetch_add(&lost, before + 1);
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

/* Count one more of `what`.  False: it is one too many for this second.  *repeated: how many
 * were before it. */
static bool count(enum log_level level, const char *what, unsigned long *repeated,
                  struct kind *gone)
{
    int64_t second = monotonic_ms() / 1000 + 1; /* 0 is an entry that was never used */
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
    if (atomic_load(&lost))
        emit(LOG_LEVEL_WARN, "log_lines_lost", "", 0);
    atomic_store(&lost, 0);
    out_close();
    file_path = NULL;
    not_opened = false;
}

void log_outage(atomic_bool *outage, bool failed, const char *what, const char *why)
{
    if (atomic_exchange(outage, failed) == failed)
        return;
    if (failed)
        log_line(LOG_LEVEL_WARN, what, "why=\"%s\"", why);
    else
        log_line(LOG_LEVEL_INFO, what, "over=1");
}
