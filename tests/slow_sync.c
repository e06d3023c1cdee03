/* A disk whose syncs take SLOW_SYNC_US microseconds longer (20 ms without it, since CGI
 * programs get no such variable), as those of hard disks (8 to 20 ms) and network volumes (1 to
 * 10 ms) do. A shared object for LD_PRELOAD, which SQLite's syncs come by; for the scenarios
 * and the measurements. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void take_time(void)
{
    const char *text = getenv("SLOW_SYNC_US");
    long us = text ? strtol(text, NULL, 10) : 20000;
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&t, NULL);
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    take_time();
    return real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    take_time();
    return real(fd);
}
