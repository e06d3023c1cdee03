/* Links are resolved here, and not by SQLite, because the sessions and the leases are beside the
 * file itself, and because a link may lead elsewhere later.  realpath() cannot resolve a path
 * whose last part does not exist yet: then links are followed by hand, and realpath() gets the
 * folder. */
#include "store/sqlite/path.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/lease.h"

enum { LINKS_MAX = 8 };

static char *joined(const char *folder, const char *base)
{
    char *out;
    return asprintf(&out, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, base) < 0 ? NULL
                                                                                     : out;
}

/* Resolve the folder of a file that does not exist, and add the file's name. */
static char *resolve_missing(const char *path)
{
    char *a = strdup(path), *b = strdup(path), *out = NULL;
    if (a && b) {
        char *folder = realpath(dirname(a), NULL);
        out = folder ? joined(folder, basename(b)) : strdup(path);
        free(folder);
    }
    free(a);
    free(b);
    return out;
}

/* Where a symbolic link points, one step; NULL: it is not a link. */
static char *path_step(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return NULL;
    target[n] = '\0';
    if (target[0] == '/')
        return strdup(target);
    char *copy = strdup(path), *out = copy ? joined(dirname(copy), target) : NULL;
    free(copy);
    return out;
}

char *path_resolve(const char *path)
{
    char *whole = realpath(path, NULL), *at = whole ? NULL : strdup(path);
    for (int i = 0; at && i < LINKS_MAX; i++) {
        char *next = path_step(at);
        if (!next)
            break;
        free(at);
        at = next;
    }
    if (at)
        whole = resolve_missing(at);
    free(at);
    return whole;
}

bool path_leads_elsewhere(const struct sqlite_store *s)
{
    struct stat st;
    const struct inode *have = &s->log.hold.identity.file;
    if (!s->log.db)
        return true; /* it may: a folder on the way may have been missing */
    return strcmp(s->given, s->log.path) != 0 && stat(s->given, &st) == 0 &&
           (st.st_ino != have->number || st.st_dev != have->device);
}

/* The sessions are beside the log, so they change with it.  `left` keeps how far the old log was
 * seen: if the new one is a copy of it that lacks the end, it needs a new epoch. */
enum store_result path_follow(struct sqlite_store *s)
{
    if (!path_leads_elsewhere(s))
        return STORE_OK;
    char *path = path_resolve(s->given), *sessions = NULL;
    if (path && strcmp(path, s->log.path) == 0) {
        free(path);
        return STORE_OK;
    }
    if (!path || asprintf(&sessions, "%s.sessions", path) < 0) {
        free(path);
        return store_refuse(s, STORE_NOMEM, "opening the file: out of memory");
    }
    s->left = s->seen;
    database_close(s, &s->log);
    database_close(s, &s->sessions);
    free(s->log.path);
    free(s->sessions.path);
    s->log.path = path;
    s->sessions.path = sessions;
    lease_follow(s);
    return STORE_OK;
}
