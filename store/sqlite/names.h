/* The names of a database file and of what belongs to it: what is at them, and how they are
 * repaired.  file.h says why.
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
    char *replaced;            /* where the -wal of a file that was replaced goes */
    char *folder;
};

/* Make the names for the file at `path`; `n` is zeroed.  False: out of memory; call names_free
 * all the same. */
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

/* The folder of the three, as it was when they were looked at. */
struct folder {
    struct inode inode; /* number 0: not known */
    struct timespec changed;
};

/* The file at `path`; anything but a regular file counts as none. */
struct inode inode_at(const char *path);
bool inode_is_same(struct inode a, struct inode b);
bool inode_is_there(struct inode i);

struct identity names_look(const struct names *n);
bool identity_is_same(const struct identity *a, const struct identity *b);

struct folder folder_at(const char *path);
bool folder_is_same(const struct folder *a, const struct folder *b);
/* Whether every change to the folder from now on gets another ctime than it has. */
bool folder_is_settled(const struct folder *is);

/* `path` led to `had`, and leads to `has` now.  If that is nothing, give `had` its name back, by
 * its second name `kept`. */
void names_give_back(struct inode had, struct inode has, const char *kept, const char *path);
/* Give `have`, which is at `path`, its second name. */
void names_keep(struct inode have, const char *path, const char *kept);

/* If another file is now in the place of the one with the identity `had`, put the -wal and -shm
 * of the old one out of the way.  `is_open`: this process still has the old one open. */
void names_separate(const struct names *n, const struct identity *had, bool is_open);

#endif
