/* The log is shared with programs of other accounts, the sessions with nobody.
 *
 * So the log is opened only if that does not lock its owner out, and gets its group and mode on
 * all three files.  The sessions are opened only if nobody else can have put them there, because
 * whoever writes them decides which token is whose. */
#include "store/sqlite/place.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/notice.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/failure.h"
#include "store/sqlite/file.h"

enum { PATIENCE_MS = 5000, GROUPS_MAX = 256 };

/* ---- may it be opened -------------------------------------------------------------- */

static const char *suffix[] = {"-wal", "-shm"};

static bool stat_beside(const struct database *d, int i, struct stat *st)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", d->path, suffix[i]);
    return lstat(path, st) == 0;
}

static bool has_folder(const char *path)
{
    char *copy = strdup(path);
    bool has = copy && access(dirname(copy), F_OK) == 0;
    free(copy);
    return has;
}

/* A -wal without its database has commits that the database lacks: somebody moved the database,
 * and may bring it back.  SQLite would delete the -wal as soon as there is an empty file at the
 * path. */
static enum store_result wait_for_it(struct sqlite_store *s, const struct database *d,
                                     struct file *f)
{
    struct stat wal, shm;
    bool used = file_was_used(f), wal_is = stat_beside(d, 0, &wal),
         shm_is = stat_beside(d, 1, &shm);
    if (!wal_is && has_folder(d->path))
        file_missed_with_wal(f);
    if ((wal_is && wal.st_size > 0) || (used && (wal_is || shm_is)))
        return store_refuse(
            s, STORE_BUSY,
            "the log %s is gone, but not its -wal: waiting for it to come back; "
            "to begin a new one, remove its -wal and -shm, too",
            d->path);
    if (used && file_is_gone_for(f) < PATIENCE_MS)
        return store_refuse(s, STORE_BUSY, "the log %s is gone: waiting for it to come back",
                            d->path);
    return STORE_OK;
}

bool place_is_own(const struct stat *st, nlink_t names, const char *path, char *why,
                  size_t size)
{
    struct stat folder;
    char *copy = strdup(path);
    bool is_owners = copy && geteuid() == 0 && stat(dirname(copy), &folder) == 0 &&
                     folder.st_uid == st->st_uid;
    free(copy);
    if (S_ISREG(st->st_mode) && st->st_nlink <= names && (st->st_uid == geteuid() || is_owners))
        return true;
    snprintf(why, size,
             "%s is not used: it must be a regular file of this account (%u) with one name, "
             "since whoever writes it decides who may come back; remove it",
             path, (unsigned)geteuid());
    return false;
}

/* Only our account may have put the sessions there.  SQLite reads -wal and -shm as well, so they
 * are checked, too. */
static enum store_result own_alone(struct sqlite_store *s, const struct database *d,
                                   const struct file *f)
{
    static const char *all[] = {"", "-wal", "-shm"};
    char path[PATH_MAX], why[STORE_WHY_SIZE + PATH_MAX];
    struct stat st;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", d->path, all[i]);
        if (lstat(path, &st) != 0)
            continue;
        nlink_t names = i > 0 && file_has_second_name(f, &st) ? 2 : 1;
        if (!place_is_own(&st, names, path, why, sizeof why))
            return store_refuse(s, STORE_READONLY, "%s", why);
    }
    return STORE_OK;
}

static const char *account(uid_t uid, char *out, size_t size)
{
    struct passwd entry, *found = NULL;
    char buffer[1024];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
        snprintf(out, size, "%s", entry.pw_name);
    else
        snprintf(out, size, "%u", (unsigned)uid);
    return out;
}

/* Whether to refuse a log that we may not write.  SQLite would open it for reading, and make -wal
 * and -shm as files of ours, which would lock the owner out of a log that is of no use to us. */
static enum store_result would_lock_out(struct sqlite_store *s, const struct database *d,
                                        const struct stat *st)
{
    struct stat wal, shm;
    char owner[64], own[64];
    if ((stat_beside(d, 0, &wal) && stat_beside(d, 1, &shm)) || eaccess(d->path, W_OK) == 0)
        return STORE_OK;
    account(st->st_uid, owner, sizeof owner);
    account(geteuid(), own, sizeof own);
    return store_refuse(
        s, STORE_READONLY,
        "%s belongs to %s, with mode %04o: %s may not write it. Give both accounts one "
        "group, the file that group and mode 660, its folder that group and mode "
        "2770",
        d->path, owner, st->st_mode & 07777, own);
}

enum store_result place_prepare(struct sqlite_store *s, struct database *d, struct file *f)
{
    struct stat st, wal;
    bool is = stat(d->path, &st) == 0;
    if (d != &s->log) {
        if (!is) { /* SQLite would delete them as well */
            file_forget_beside(f);
            return STORE_OK;
        }
        return own_alone(s, d, f);
    }
    if (!is)
        return errno == ENOENT ? wait_for_it(s, d, f) : STORE_OK;
    if (st.st_size == 0 && stat_beside(d, 0, &wal) && wal.st_size > 0)
        return store_refuse(
            s, STORE_BUSY,
            "the log %s is empty, but its -wal is not: SQLite would delete that. "
            "Put the log back, or remove the -wal",
            d->path);
    return would_lock_out(s, d, &st);
}

/* ---- what we made beside it -------------------------------------------------------- */

static bool is_in_group(uid_t uid, gid_t gid)
{
    struct passwd entry, *found = NULL;
    char buffer[1024];
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || !found)
        return false;
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &n) < 0)
        return true; /* with more than GROUPS_MAX groups, it probably is */
    for (int i = 0; i < n; i++)
        if (groups[i] == gid)
            return true;
    return false;
}

bool place_locks_out(const struct database *d, char *sentence, size_t size)
{
    struct stat st, beside;
    char owner[64];
    if (stat(d->path, &st) != 0 || st.st_uid == 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (!stat_beside(d, i, &beside) || beside.st_uid == st.st_uid ||
            (beside.st_mode & S_IWOTH) ||
            ((beside.st_mode & S_IWGRP) && is_in_group(st.st_uid, beside.st_gid)))
            continue;
        account(st.st_uid, owner, sizeof owner);
        snprintf(
            sentence, size,
            "%s owns %s, but may not write its %s (mode %04o, group %u), and so not the log: "
            "give both accounts one group, the three files that group and mode 660, their "
            "folder that group and mode 2770",
            owner, d->path, suffix[i], beside.st_mode & 07777, (unsigned)beside.st_gid);
        return true;
    }
    return false;
}

/* SQLite gave them the file's mode and, as root, its owner, but not its group. */
static void share(const struct database *d, int i, const struct stat *st)
{
    char path[PATH_MAX];
    struct stat beside;
    if (!stat_beside(d, i, &beside) || beside.st_uid != geteuid())
        return;
    snprintf(path, sizeof path, "%s%s", d->path, suffix[i]);
    if (beside.st_gid != st->st_gid && lchown(path, (uid_t)-1, st->st_gid) != 0)
        return;
    if ((beside.st_mode ^ st->st_mode) & 0777)
        (void)chmod(path, st->st_mode & 0777);
}

int place_other_names(const struct database *d)
{
    struct stat st;
    return stat(d->path, &st) == 0 ? (int)st.st_nlink - 1 : 0;
}

void place_share(const struct database *d)
{
    struct stat st;
    char sentence[1024];
    if (stat(d->path, &st) != 0)
        return;
    for (int i = 0; i < 2; i++)
        share(d, i, &st);
    if (place_locks_out(d, sentence, sizeof sentence))
        notice("%s", sentence);
    if (st.st_nlink > 1)
        notice("%s has %d other name(s), by hard links: a program that opens it by one of them "
               "uses another -wal, and damages it",
               d->path, place_other_names(d));
}
