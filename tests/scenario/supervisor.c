#include "tests/scenario/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int log_count(const struct stage *s, const char *words)
{
    char line[2048];
    int n = 0;
    FILE *f = fopen(s->log, "re");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, words) != NULL;
    if (f)
        fclose(f);
    return n;
}

void supervised_deploy(struct supervised *v, const char *text)
{
    char path[NAME_SIZE + 8];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s.new", v->program);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(to >= 0);
    if (text) {
        assert_int_equal(write(to, text, strlen(text)), strlen(text));
    } else {
        int from = open(v->stage->program, O_RDONLY | O_CLOEXEC);
        assert_true(from >= 0 && fstat(from, &st) == 0);
        for (off_t at = 0; at < st.st_size;)
            assert_true(sendfile(to, from, &at, (size_t)(st.st_size - at)) > 0);
        close(from);
    }
    close(to);
    assert_int_equal(rename(path, v->program), 0);
}

void supervised_start_unready(struct supervised *v, struct stage *s, int processes,
                              const char *const more[])
{
    char number[16];
    const char *argv[24] = {v->program, "--processes", number,     "--db", s->db,
                            "--listen", v->socket,     "--log-to", s->log};
    *v = (struct supervised){.stage = s, .processes = processes};
    snprintf(v->program, sizeof v->program, "%s/deployed.fcgi", s->folder);
    snprintf(v->socket, sizeof v->socket, "%s/own.socket", s->folder);
    snprintf(number, sizeof number, "%d", processes);
    for (size_t i = 9; more && *more; i++)
        argv[i] = *more++;
    supervised_deploy(v, NULL);
    s->alone = process_start(argv, NULL, s->errors, NULL);
}

void supervised_start(struct supervised *v, struct stage *s, int processes,
                      const char *const more[])
{
    supervised_start_unready(v, s, processes, more);
    await(s, log_count(s, "what=process_ready") == processes || process_ended(s->alone, NULL));
    pid_t pid[PROCESSES];
    supervised_pids(v, pid);
}

void supervised_front(struct supervised *v)
{
    char backend[NAME_SIZE + 32];
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", v->socket);
    lighttpd_start_external(v->stage, backend);
}

static bool are_all_there(const struct supervised *v, pid_t pid[])
{
    pid_t child[2 * PROCESSES];
    size_t n = process_children(v->stage->alone, child, 2 * PROCESSES);
    if (n != (size_t)v->processes)
        return false;
    memcpy(pid, child, n * sizeof *pid);
    return true;
}

void supervised_pids(struct supervised *v, pid_t pid[])
{
    await(v->stage, are_all_there(v, pid));
}

bool supervised_has(const struct supervised *v, pid_t pid)
{
    pid_t child[2 * PROCESSES];
    size_t n = process_children(v->stage->alone, child, 2 * PROCESSES);
    for (size_t i = 0; i < n; i++)
        if (child[i] == pid)
            return true;
    return false;
}

int supervised_program_is(const struct supervised *v)
{
    struct stat disk, running;
    char path[64];
    int same = 0;
    pid_t child[2 * PROCESSES];
    size_t n = process_children(v->stage->alone, child, 2 * PROCESSES);
    assert_int_equal(stat(v->program, &disk), 0);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/proc/%d/exe", (int)child[i]);
        same += stat(path, &running) == 0 && running.st_dev == disk.st_dev &&
                running.st_ino == disk.st_ino;
    }
    return same;
}

void supervised_hang_up(struct supervised *v)
{
    int before =
        log_count(v->stage, "what=round_done") + log_count(v->stage, "what=round_abandoned");
    kill(v->stage->alone, SIGHUP);
    await(v->stage,
          log_count(v->stage, "what=round_done") + log_count(v->stage, "what=round_abandoned") >
              before);
}
