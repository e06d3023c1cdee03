/* The names of a database file and of what belongs to it, what is at them, and what is done to
 * have it right there.  file.h says why.
 *
 * Nothing here opens a file: closing a descriptor would drop SQLite's locks.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_STORE_SQLITE_NAMES_H
#define ROWCAST_STORE_SQLITE_NAMES_H

#include <stdbool.h>
#include <sys/stat.h>

struct names {
    char *path, *wal, *shm;    /* absolute */
    char *kept_wal, *kept_shm; /* second names, by hard links, of the two */
    char *replaced;            /* where a -wal goes that belongs to a file which is gone */
    char *folder;
};

/* Those of the file at `path`; `n` is zeroed.  False: out of memory; names_free all the same. */
bool names_make(struct names *n, const char *path);
void names_free(struct names *n);

struct inode {
    dev_t device;
    ino_t number; /* 0: there is no file */
};

/* What the paths lead to. */
struct identity {
    struct inode file, wal, shm;
};

/* The folder of the three as it stood when they were looked at. */
struct folder {
    struct inode inode; /* number 0: nothing is known of it */
    struct timespec changed;
};

/* What is there; anything but a regular file counts as nothing. */
struct inode inode_at(const char *path);
bool inode_is_same(struct inode a, struct inode b);
bool inode_is_there(struct inode i);

struct identity names_look(const struct names *n);
bool identity_is_same(const struct identity *a, const struct identity *b);

struct folder folder_at(const char *path);
bool folder_is_same(const struct folder *a, const struct folder *b);
/* Whether what is done to the folder from now on gets another ctime. */
bool folder_is_settled(const struct folder *is);

/* If `had` is at `path` no more, and nothing else is (`has`), let it have this name again. */
void names_give_back(struct inode had, struct inode has, const char *kept, const char *path);
/* Let `have`, which is at `path`, have its second name as well. */
void names_keep(struct inode have, const char *path, const char *kept);

/* Another file is in the place of the one that had this identity, which somebody of ours has
 * open (`is_open`) or had: put the -wal and -shm of that one out of the way. */
void names_separate(const struct names *n, const struct identity *had, bool is_open);

#endif
