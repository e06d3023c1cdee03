/* An allocator that fails where a test wants it to, and only while it is armed.
 *
 * The Makefile links programs named test_out_of_… with --wrap, so that the allocations of our own
 * code come by here; so do those of jansson, which is told to use it.  Other libraries (SQLite,
 * libuv, liburiparser) keep their own allocator.  But asking libuv for a watch counts as an
 * allocation, too, because the kernel may have no room for it.
 *
 * Only one side sees failures: the thread that armed it, or all other threads. */
#ifndef ROWCAST_TESTS_FAILING_MEMORY_H
#define ROWCAST_TESTS_FAILING_MEMORY_H

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum memory_whose { MEMORY_MINE, MEMORY_OTHERS };

static atomic_bool memory_armed, memory_of_others, memory_lasting;
static atomic_long memory_left, memory_failures;
static _Thread_local bool memory_is_mine;

/* Let the n-th allocation from here on fail, and, if `lasting`, all that follow. */
static inline void memory_fail(enum memory_whose whose, long n, bool lasting)
{
    memory_is_mine = true;
    atomic_store(&memory_of_others, whose == MEMORY_OTHERS);
    atomic_store(&memory_lasting, lasting);
    atomic_store(&memory_left, n);
    atomic_store(&memory_failures, 0);
    atomic_store(&memory_armed, true);
}

/* Let no allocation fail any more; returns how many did. */
static inline long memory_mend(void)
{
    atomic_store(&memory_armed, false);
    return atomic_load(&memory_failures);
}

static bool memory_fails(void)
{
    if (!atomic_load(&memory_armed) || memory_is_mine == atomic_load(&memory_of_others))
        return false;
    long left = atomic_fetch_sub(&memory_left, 1);
    bool fails = left == 1 || (left < 1 && atomic_load(&memory_lasting));
    if (fails)
        atomic_fetch_add(&memory_failures, 1);
    return fails;
}

static __attribute__((constructor)) void memory_of_jansson(void)
{
    json_set_alloc_funcs(malloc, free);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
FILE *__real_open_memstream(char **bytes, size_t *size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
FILE *__wrap_open_memstream(char **bytes, size_t *size);
int __real_uv_poll_init(uv_loop_t *loop, uv_poll_t *watch, int fd);
int __wrap_uv_poll_init(uv_loop_t *loop, uv_poll_t *watch, int fd);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
    return memory_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return memory_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return memory_fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *text)
{
    return memory_fails() ? NULL : __real_strdup(text);
}

FILE *__wrap_open_memstream(char **bytes, size_t *size)
{
    return memory_fails() ? NULL : __real_open_memstream(bytes, size);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    if (memory_fails())
        return -1;
    va_start(args, format);
    int len = vasprintf(out, format, args);
    va_end(args);
    return len;
}

int __wrap_uv_poll_init(uv_loop_t *loop, uv_poll_t *watch, int fd)
{
    return memory_fails() ? UV_ENOSPC : __real_uv_poll_init(loop, watch, fd);
}

/* How many descriptors are open: a call that fails half-way must not keep any. */
static inline int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

#endif
