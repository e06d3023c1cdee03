/* An allocator for SQLite that fails where a test wants it to: once, or from then on.
 *
 * It can be put in place only before SQLite is used at all, so a test starts a process of its
 * own for it (sqlite_memory_process).  One thread. */
#ifndef ROWCAST_TESTS_SQLITE_MEMORY_H
#define ROWCAST_TESTS_SQLITE_MEMORY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static sqlite3_mem_methods sqlite_memory;
static long sqlite_memory_calls, sqlite_memory_from; /* 0: it does not fail */
static bool sqlite_memory_lasting;

static inline bool sqlite_memory_fails(void)
{
    if (sqlite_memory_from == 0)
        return false;
    long call = ++sqlite_memory_calls;
    return sqlite_memory_lasting ? call >= sqlite_memory_from : call == sqlite_memory_from;
}

static void *sqlite_memory_malloc(int n)
{
    return sqlite_memory_fails() ? NULL : sqlite_memory.xMalloc(n);
}

static void *sqlite_memory_realloc(void *p, int n)
{
    return sqlite_memory_fails() ? NULL : sqlite_memory.xRealloc(p, n);
}

static inline void sqlite_memory_replace(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    sqlite3_mem_methods failing = sqlite_memory;
    failing.xMalloc = sqlite_memory_malloc;
    failing.xRealloc = sqlite_memory_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
}

/* The n-th allocation from here on fails, and, if `lasting`, all that follow. */
static inline void sqlite_memory_fail(long n, bool lasting)
{
    sqlite_memory_calls = 0;
    sqlite_memory_from = n;
    sqlite_memory_lasting = lasting;
}

/* There is memory again; whether it came to the n-th. */
static inline bool sqlite_memory_mend(void)
{
    bool failed = sqlite_memory_calls >= sqlite_memory_from;
    sqlite_memory_from = 0;
    return failed;
}

/* Run this program again in a process of its own, where SQLite was not used yet, with one
 * argument, by which its main() knows what to do there.  Returns the exit status; -1: the process
 * was killed. */
static inline int sqlite_memory_process(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "test", "out-of-memory", (char *)NULL);
        _exit(127);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
