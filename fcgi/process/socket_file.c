/* A socket's file does not tell whether somebody listens: it stays when its process is killed.
 * So a process that starts finds out by connecting.  Only ECONNREFUSED proves that nobody is
 * there.  Any other failure, a lack of permission for example, proves nothing, and the file
 * stays. */
#include "fcgi/process/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/base/number.h"

enum { NAME_MAX_BYTES = 256, LOCK_PAUSE_MS = 5 };

/* flock() on the directory itself needs no lock file, which would have to be removed again, and
 * the kernel drops the lock when its holder dies. */
int socket_file_lock(const char *path)
{
    struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    for (int ms = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; ms += LOCK_PAUSE_MS) {
        if (ms < SOCKET_LOCK_MS && (errno == EWOULDBLOCK || errno == EINTR)) {
            nanosleep(&pause, NULL);
            continue;
        }
        close(fd);
        fd = -1;
    }
    return fd;
}

void socket_file_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

void socket_file_clear(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof a.sun_path || stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* EAGAIN tells of a process that lives, but has a full backlog. */
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

static bool user_id(uid_t *out, const char *name)
{
    int n;
    bool is_number = number_read(&n, name, 10, 0, INT_MAX);
    const struct passwd *p = is_number ? NULL : getpwnam(name);
    if (p || is_number)
        *out = p ? p->pw_uid : (uid_t)n;
    return p || is_number;
}

static bool group_id(gid_t *out, const char *name)
{
    int n;
    bool is_number = number_read(&n, name, 10, 0, INT_MAX);
    const struct group *g = is_number ? NULL : getgrnam(name);
    if (g || is_number)
        *out = g ? g->gr_gid : (gid_t)n;
    return g || is_number;
}

/* Read USER, USER:GROUP or :GROUP; what is left out stays as it is (-1).  False: there is no
 * such account. */
static bool owner_ids(uid_t *user, gid_t *group, const char *owner)
{
    char name[NAME_MAX_BYTES];
    int len = snprintf(name, sizeof name, "%s", owner);
    char *colon = strchr(name, ':');
    *user = (uid_t)-1;
    *group = (gid_t)-1;
    if (len >= (int)sizeof name)
        return false;
    if (colon)
        *colon++ = '\0';
    return (!name[0] || user_id(user, name)) && (!colon || group_id(group, colon));
}

bool socket_file_give(const char *path, const char *owner, mode_t mode,
                      char why[SOCKET_FILE_WHY_SIZE])
{
    uid_t user;
    gid_t group;
    if (owner && !owner_ids(&user, &group, owner))
        snprintf(why, SOCKET_FILE_WHY_SIZE, "--socket-owner: there is no account %s", owner);
    else if (owner && lchown(path, user, group) != 0)
        snprintf(why, SOCKET_FILE_WHY_SIZE, "--socket-owner %s: %s", owner, strerror(errno));
    else if (chmod(path, mode) != 0)
        snprintf(why, SOCKET_FILE_WHY_SIZE, "%s", strerror(errno));
    else
        return true;
    return false;
}

bool socket_file_is_removed(int file)
{
    struct stat st;
    return fstat(file, &st) == 0 && st.st_nlink == 0;
}

bool socket_file_is_at(int file, const char *path)
{
    struct stat named, ours;
    return lstat(path, &named) == 0 && fstat(file, &ours) == 0 && named.st_dev == ours.st_dev &&
           named.st_ino == ours.st_ino;
}
