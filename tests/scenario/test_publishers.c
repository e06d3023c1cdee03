/* Many publishers over HTTP at the same time: none is refused, and what was answered is
 * true. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/posters.h"
#include "tests/scenario/supervisor.h"

static void start_with_slow_syncs(struct stage *s, int ms)
{
    char where[NAME_SIZE], backend[NAME_SIZE + 32];
    snprintf(where, sizeof where, "%s/own.socket", s->folder);
    snprintf(backend, sizeof backend, "\"socket\" => \"%s\"", where);
    stage_slow_syncs(s, ms);
    responder_start(s, where, NULL);
    stage_slow_syncs(s, 0);
    lighttpd_start_external(s, backend);
}

static void test_sixty_four_publishers_at_once_are_all_taken(void **state)
{
    struct stage *s = *state;
    static struct posters p;
    shell_set(s, "buffer_size", "10000");
    lighttpd_start(s);
    posters_start(&p, s, "/sse/broadcast", 64, 10);
    posters_finish(&p);
    expect_all_taken(&p);
    expect_true_answers(&p, 1);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "640");
}

static void test_a_few_on_a_slow_disk_are_all_taken(void **state)
{
    struct stage *s = *state;
    static struct posters p;
    start_with_slow_syncs(s, 5);
    posters_start(&p, s, "/sse/broadcast", 4, 50);
    posters_finish(&p);
    expect_all_taken(&p);
    expect_true_answers(&p, 1);
}

/* Both processes and the shell, as README has it, write to the same log. */
static void test_two_processes_and_a_shell_on_a_slow_disk_are_all_taken(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    static struct posters p;
    stage_slow_syncs(s, 20);
    supervised_start(&v, s, 2, NULL);
    stage_slow_syncs(s, 0);
    supervised_front(&v);
    posters_start(&p, s, "/sse/broadcast", 16, 12);
    for (int i = 0; i < 10; i++)
        publish(s, "", "message", "by the shell");
    posters_finish(&p);
    expect_all_taken(&p);
    expect_true_answers(&p, 1);
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), "202");
}

static void test_deploys_in_the_middle_refuse_nobody(void **state)
{
    struct stage *s = *state;
    struct supervised v;
    static struct posters p;
    shell_set(s, "buffer_size", "10000");
    stage_slow_syncs(s, 5);
    supervised_start(&v, s, 2, NULL);
    stage_slow_syncs(s, 0);
    supervised_front(&v);
    posters_start(&p, s, "/sse/broadcast", 16, POSTS_MAX);
    for (int deploys = 1; deploys <= 3; deploys++) {
        await(s, atomic_load(&p.taken) >= 200 * deploys);
        supervised_hang_up(&v);
    }
    posters_finish(&p);
    expect_all_taken(&p);
    expect_true_answers(&p, 1);
}

/* mod_cgi starts a process for each post, and no thread of ours orders them. */
static void test_processes_of_one_post_each_are_all_taken(void **state)
{
    struct stage *s = *state;
    static struct posters p;
    stage_slow_syncs(s, 20);
    lighttpd_start_cgi(s);
    stage_slow_syncs(s, 0);
    posters_start(&p, s, "/sse/broadcast", 12, 5);
    posters_finish(&p);
    expect_all_taken(&p);
    expect_true_answers(&p, 1);
}

static void
test_killed_in_the_middle_what_was_answered_is_there_and_the_rest_whole_or_not(void **state)
{
    struct stage *s = *state;
    static struct posters p;
    char path[160], id[32];
    shell_set(s, "buffer_size", "10000");
    shell_set(s, "buffer_ttl", "3600");
    lighttpd_start(s);
    struct browser *a = browser_open(s, "/sse/events"), *b = browser_open(s, "/sse/events");
    snprintf(id, sizeof id, "%s", expect_connected(a));
    snprintf(path, sizeof path, "/sse/send?session=%s&session=%s", id, expect_connected(b));
    posters_start(&p, s, path, 16, POSTS_MAX);
    for (int kills = 1; kills <= 3; kills++) {
        await(s, atomic_load(&p.taken) >= 150 * kills);
        pid_t pid = responder_pid(s);
        kill(pid, SIGKILL);
        await(s, process_ended(pid, NULL) || responder_pid(s) != pid);
    }
    await(s, atomic_load(&p.taken) >= 600);
    atomic_store(&p.enough, true);
    posters_finish(&p);
    expect_true_answers(&p, 2);
}

static void test_a_stop_in_the_middle_answers_what_it_took(void **state)
{
    struct stage *s = *state;
    static struct posters p;
    start_with_slow_syncs(s, 20);
    posters_start(&p, s, "/sse/broadcast", 16, POSTS_MAX);
    await(s, atomic_load(&p.taken) >= 50);
    assert_int_equal(process_stop(s, s->alone, SIGTERM), 0);
    s->alone = 0;
    atomic_store(&p.enough, true);
    posters_finish(&p);
    expect_true_answers(&p, 1);
    char taken[16];
    snprintf(taken, sizeof taken, "%d", atomic_load(&p.taken));
    assert_string_equal(shell(s, "SELECT count(*) FROM events"), taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_sixty_four_publishers_at_once_are_all_taken),
        scenario(test_a_few_on_a_slow_disk_are_all_taken),
        scenario(test_two_processes_and_a_shell_on_a_slow_disk_are_all_taken),
        scenario(test_deploys_in_the_middle_refuse_nobody),
        scenario(test_processes_of_one_post_each_are_all_taken),
        scenario(
            test_killed_in_the_middle_what_was_answered_is_there_and_the_rest_whole_or_not),
        scenario(test_a_stop_in_the_middle_answers_what_it_took),
    };
    return cmocka_run_group_tests_name("publishers", tests, NULL, NULL);
}
