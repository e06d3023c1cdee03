/* rowcast.fcgi --check: everything that can be wrong with the files, and what to do about it.
 *
 * A finding never ends the check, so that a person sees all of them at once.  It reads whole
 * files (quick_check, the books), which a responder never does while it serves.  It opens the
 * files as a responder does, so what can be mended by that is mended first, and then told. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/sqlite/bind.h"
#include "store/sqlite/check_processes.h"
#include "store/sqlite/check_schema.h"
#include "store/sqlite/connect.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/place.h"

/* A file that SQLite creates gets the group of its process, unless the folder has the setgid bit.
 * Folders that are open to everybody, with the sticky bit as /tmp, are left out. */
static void check_directory(struct checking *c)
{
    struct stat dir;
    struct statvfs fs;
    char *copy = strdup(c->store->log.path);
    const char *name = copy ? dirname(copy) : "";
    if (!copy)
        finding(c, STORE_NOMEM, "out of memory");
    else if (stat(name, &dir) != 0)
        finding(c, STORE_IO, "directory %s: %s", name, strerror(errno));
    else if ((dir.st_mode & S_IWGRP) && !(dir.st_mode & (S_ISGID | S_ISVTX)))
        finding(c, STORE_REFUSED,
                "directory %s has mode %04o: a -wal that a publisher creates would have the "
                "publisher's group; chmod 2770",
                name, dir.st_mode & 07777);
    if (copy && statvfs(name, &fs) == 0 &&
        (uint64_t)fs.f_bavail * fs.f_frsize < (uint64_t)1 << 20)
        finding(c, STORE_FULL, "directory %s: less than 1 MiB is free on its disk", name);
    free(copy);
}

static void check_mode(struct checking *c, const struct database *d, const char *what,
                       mode_t wrong)
{
    struct stat file;
    if (stat(d->path, &file) != 0)
        finding(c, STORE_IO, "%s %s: %s", what, d->path, strerror(errno));
    else if (file.st_mode & wrong)
        finding(c, STORE_REFUSED, "%s %s has mode %04o, so that others have access; chmod %04o",
                what, d->path, file.st_mode & 07777, d->mode);
}

/* Run a statement that gives rows of one text, which should all be `right`. */
static void check_texts(struct checking *c, struct database *d, const char *what,
                        const char *checked, enum sql id, const char *right)
{
    sqlite3_stmt *stmt = database_statement(d, id);
    int rc = stmt ? sqlite3_step(stmt) : SQLITE_ERROR;
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (text && strcmp(text, right) != 0)
            finding(c, STORE_CORRUPT, "%s %s: the %s says %s, not %s", what, d->path, checked,
                    text, right);
    }
    if (rc != SQLITE_DONE) {
        enum store_result r = store_failed(c->store, d, checked);
        finding(c, r, "%s %s: %s", what, d->path, store_why(&c->store->store));
    }
    sqlite3_reset(stmt);
}

/* What was missing, and was made when the log was opened. */
static void check_mended(struct checking *c)
{
    if (c->store->told[0])
        finding(c, STORE_CORRUPT, "%s", c->store->told);
}

static void check_books(struct checking *c)
{
    struct database *d = &c->store->log;
    sqlite3_stmt *stmt = database_statement(d, SQL_CHECK_BOOKS);
    int rc = stmt ? SQLITE_ROW : SQLITE_ERROR;
    bool wrong = false;
    while (rc == SQLITE_ROW && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        finding(c, STORE_CORRUPT, "log %s: %s", d->path, text ? text : "out of memory");
        wrong = true;
    }
    if (rc != SQLITE_DONE) {
        enum store_result r = store_failed(c->store, d, "comparing the books");
        finding(c, r, "log %s: %s", d->path, store_why(&c->store->store));
    }
    sqlite3_reset(stmt);
    if (wrong)
        finding(c, STORE_CORRUPT,
                "log %s: to have the books recounted: sqlite3 -bail %s 'DROP TRIGGER "
                "events_deleted', then this check again",
                d->path, d->path);
}

/* A setting that is out of range has its default in force, and gets a line.  Reading the settings
 * says such lines by itself, as notices; the last one is in `told`. */
static void check_settings(struct checking *c)
{
    struct settings *settings = NULL;
    c->store->told[0] = '\0';
    if (sqlite_settings_newer(&c->store->store, NULL, &settings) == STORE_OK &&
        c->store->told[0])
        finding(c, STORE_CORRUPT, "log %s: %s", c->store->log.path, c->store->told);
    settings_unref(settings);
}

/* Permissions do not tell whether a write would succeed (a full disk, a read-only file system,
 * another program's lock), so write something. */
static void check_write(struct checking *c)
{
    struct sqlite_store *s = c->store;
    enum store_result r = database_run(s, &s->log, SQL_BEGIN_IMMEDIATE);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_CHECK_WRITE);
    if (r == STORE_OK)
        r = database_run(s, &s->log, SQL_COMMIT);
    if (r != STORE_OK)
        finding(c, r, "log %s cannot be written: %s", s->log.path, store_why(&s->store));
    database_rollback(&s->log);
}

/* Find what harms other programs: a locked-out owner, and other names of the file. */
static void check_beside(struct checking *c, const struct database *d)
{
    char sentence[512];
    if (place_locks_out(d, sentence, sizeof sentence))
        finding(c, STORE_REFUSED, "%s", sentence);
    if (place_other_names(d) > 0)
        finding(c, STORE_REFUSED,
                "log %s has %d other name(s), by hard links: a program that opens it by one of "
                "them uses another -wal, and damages it; remove them",
                d->path, place_other_names(d));
}

/* Opening the file upgrades it.  If that failed, this program can say why, and no more: it does not
 * know what an earlier version creates. */
static void check_upgrade(struct checking *c, struct database *d, const char *what)
{
    enum store_result r = d->behind ? d->upgrade(c->store) : STORE_OK;
    if (r == STORE_OK)
        check_schema(c, d);
    else
        finding(c, r, "%s %s is of an earlier revision, and was not upgraded: %s", what,
                d->path, store_why(&c->store->store));
}

static bool check_open(struct checking *c, struct database *d, const char *what, mode_t wrong)
{
    enum store_result r = database_use(c->store, d);
    if (r != STORE_OK) {
        finding(c, r, "%s %s: %s", what, d->path, store_why(&c->store->store));
        return false;
    }
    check_mode(c, d, what, wrong);
    check_texts(c, d, what, "journal mode", SQL_CHECK_JOURNAL, "wal");
    check_texts(c, d, what, "quick check", SQL_CHECK_QUICK, "ok");
    check_upgrade(c, d, what);
    return true;
}

/* Without leases no session is saved.  If the file is missing, that is right: a responder makes
 * it.  The check must not, since it may run as another account. */
static void check_leases(struct checking *c)
{
    char path[PATH_MAX], why[STORE_WHY_SIZE + PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s.leases", c->store->log.path);
    if (lstat(path, &st) != 0)
        return;
    if (!place_is_own(&st, 1, path, why, sizeof why))
        finding(c, STORE_READONLY, "leases %s", why);
    else if (access(path, R_OK | W_OK) != 0)
        finding(c, STORE_READONLY, "leases %s: %s; chmod 0600", path, strerror(errno));
}

enum store_result sqlite_check(struct store *store, void (*say)(void *arg, const char *line),
                               void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct checking c = {.store = s, .say = say, .arg = arg, .first = STORE_OK};
    check_directory(&c);
    s->told[0] = '\0';
    if (check_open(&c, &s->log, "log", S_IRWXO)) {
        check_mended(&c);
        check_books(&c);
        check_settings(&c);
        check_write(&c);
        check_beside(&c, &s->log);
    }
    if (check_open(&c, &s->sessions, "sessions", S_IRWXG | S_IRWXO))
        check_processes(&c);
    check_leases(&c);
    s->store.why[0] = '\0';
    return c.first == STORE_OK ? STORE_OK
                               : store_refuse(s, c.first, "the check found something wrong");
}
