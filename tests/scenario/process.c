#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static void become(const char *user)
{
    struct passwd *p = getpwnam(user);
    if (!p || setgroups(0, NULL) || setgid(p->pw_gid) || setuid(p->pw_uid))
        _exit(126);
}

pid_t process_start(const char *const argv[], const char *const env[], const char *output,
                    const char *user)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    int in = open("/dev/null", O_RDONLY);
    int out = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    if (user)
        become(user); /* before the next line, which a change of account undoes */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
        _exit(126);
    for (; env && *env; env++)
        putenv((char *)*env);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

pid_t process_start_given(const char *const argv[], int listener, int as, const char *output)
{
    char text[16];
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    int in = open("/dev/null", O_RDONLY);
    int out = open(output, O_WRONLY | O_CREAT | O_APPEND, 0666);
    snprintf(text, sizeof text, "%d", (int)getpid());
    if (as != 0 && (setenv("LISTEN_PID", text, 1) || setenv("LISTEN_FDS", "1", 1)))
        _exit(126);
    /* dup2 of a number onto itself leaves its close-on-exec. */
    int moved = fcntl(listener, F_DUPFD, 10);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
        dup2(moved, as) < 0 || close(moved))
        _exit(126);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
        _exit(126);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

bool process_ended(pid_t pid, int *status)
{
    int how = 0;
    pid_t got = waitpid(pid, &how, WNOHANG);
    if (got == 0)
        return false;
    /* Not our child: it is over when nobody has that number any more. */
    if (got < 0)
        return errno == ECHILD && kill(pid, 0) < 0 && errno == ESRCH;
    if (status)
        *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return true;
}

int process_stop(struct stage *s, pid_t pid, int signal)
{
    int status = -1;
    kill(pid, signal);
    int64_t until = now_ms() + PATIENCE;
    while (!process_ended(pid, &status)) {
        if (now_ms() > until) {
            kill(pid, SIGKILL);
            fail_stage(s, "process %d did not end on signal %d", (int)pid, signal);
        }
        pause_ms(2);
    }
    return status;
}

static pid_t parent_of(pid_t pid, char *state)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int parent = 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *rest = strrchr(text, ')'); /* the name may hold anything */
    if (!rest || sscanf(rest + 1, " %c %d", state, &parent) != 2)
        return 0;
    return parent;
}

size_t process_children(pid_t parent, pid_t *out, size_t max)
{
    size_t n = 0;
    DIR *d = opendir("/proc");
    if (!d)
        return 0;
    for (struct dirent *e; n < max && (e = readdir(d));) {
        char state = 'Z';
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid > 0 && parent_of(pid, &state) == parent && state != 'Z')
            out[n++] = pid;
    }
    closedir(d);
    return n;
}

long process_memory_kb(pid_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    long kb = -1;
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, "Pss:", 4) == 0)
            kb = strtol(line + 4, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

int64_t process_cpu_ms(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        return -1;
    return (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}
