#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

static char output[1 << 16];

/* Run the shell with `sql` as its argument, after the `first` command; what it printed, without
 * the last line's end. */
static const char *run(struct stage *s, const char *db, const char *first, const char *sql,
                       int *status)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_fd[1], 1);
        dup2(pipe_fd[1], 2);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        execl("/usr/bin/sqlite3", "sqlite3", "-batch", "-cmd", first, db, sql, NULL);
        _exit(127);
    }
    close(pipe_fd[1]);
    size_t have = 0;
    for (ssize_t n; (n = read(pipe_fd[0], output + have, sizeof output - 1 - have)) > 0;)
        have += (size_t)n;
    close(pipe_fd[0]);
    output[have] = '\0';
    while (have > 0 && output[have - 1] == '\n')
        output[--have] = '\0';
    int how = 0;
    if (pid < 0 || waitpid(pid, &how, 0) != pid)
        fail_stage(s, "the sqlite3 shell could not be run");
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 255;
    return output;
}

__attribute__((format(printf, 3, 0))) static const char *must(struct stage *s, const char *db,
                                                              const char *format, va_list args)
{
    int status = 0;
    char *sql = NULL;
    if (vasprintf(&sql, format, args) < 0)
        fail_stage(s, "out of memory");
    /* Who opens a database first after a crash holds up the others for a moment. */
    run(s, db, ".timeout 10000", sql, &status);
    if (status)
        fail_stage(s, "sqlite3 %s \"%s\"\nended with %d: %s", db, sql, status, output);
    free(sql);
    return output;
}

const char *shell(struct stage *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    must(s, s->db, format, args);
    va_end(args);
    return output;
}

const char *shell_sessions(struct stage *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    must(s, s->sessions, format, args);
    va_end(args);
    return output;
}

const char *shell_status(struct stage *s, int *status, const char *sql)
{
    return run(s, s->db, ".timeout 0", sql, status);
}

void shell_set(struct stage *s, const char *name, const char *value)
{
    shell(s, "UPDATE rowcast_config SET value = '%s' WHERE name = '%s'", value, name);
}

void shell_count(struct stage *s, const char *type, int first, int last)
{
    shell(s,
          "INSERT INTO events(type, data) WITH RECURSIVE n(i) AS (SELECT %d UNION ALL "
          "SELECT i + 1 FROM n WHERE i < %d) SELECT '%s', i FROM n",
          first, last, type);
}

/* The text as SQL has it: its quotes doubled. */
__attribute__((format(printf, 2, 0))) static const char *
quoted(struct stage *s, const char *format, va_list args)
{
    static char sql[1 << 16];
    char *text = NULL;
    size_t n = 0;
    if (vasprintf(&text, format, args) < 0 || 2 * strlen(text) >= sizeof sql)
        fail_stage(s, "too much to publish");
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            sql[n++] = '\'';
        sql[n++] = *at;
    }
    sql[n] = '\0';
    free(text);
    return sql;
}

void publish(struct stage *s, const char *channel, const char *type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    shell(s, "INSERT INTO events(channel, type, data) VALUES ('%s', '%s', '%s')", channel, type,
          quoted(s, format, args));
    va_end(args);
}

void publish_to(struct stage *s, const char *session, const char *type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    shell(s, "INSERT INTO events(session_id, type, data) VALUES ('%s', '%s', '%s')", session,
          type, quoted(s, format, args));
    va_end(args);
}
