#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fcgi/base/log.h"

static char folder[] = "/tmp/rowcast-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* Everything logged since log_open; closes the log.  The caller frees. */
static char *logged(void)
{
    log_close();
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    assert_true(n < (1 << 20) - 1);
    fclose(f);
    assert_int_equal(unlink(path), 0);
    return text;
}

static size_t lines_in(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* What follows the time and the process, which differ. */
static void assert_ends_with(const char *text, const char *end)
{
    assert_true(strlen(text) >= strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void test_line_is_words_after_time_level_and_process(void **state)
{
    (void)state;
    char expected[128];
    assert_true(log_open(path, LOG_LEVEL_INFO));
    log_line(LOG_LEVEL_WARN, "sessions_unsaved", "why=\"%s\" n=%d", "disk is full", 3);
    char *text = logged();
    snprintf(expected, sizeof expected,
             "Z level=warn pid=%d what=sessions_unsaved why=\"disk is full\" n=3\n",
             (int)getpid());
    assert_ends_with(text, expected);
    assert_int_equal(lines_in(text), 1);
    assert_int_equal(strspn(text, "0123456789-T:."), strlen("2026-05-04T10:11:12.345"));
    free(text);
}

static void test_what_people_wrote_stays_within_its_word(void **state)
{
    (void)state;
    assert_true(log_open(path, LOG_LEVEL_INFO));
    log_line(LOG_LEVEL_INFO, "agent", "name=\"%s\" n=1", "a \"b\"\r\nlevel=error \x01\x7F");
    char *text = logged();
    assert_ends_with(text, " what=agent name=\"a 'b'  level=error   \" n=1\n");
    assert_int_equal(lines_in(text), 1);
    free(text);
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    (void)state;
    assert_true(log_open(path, LOG_LEVEL_WARN));
    log_line(LOG_LEVEL_INFO, "quiet", "n=1");
    log_line(LOG_LEVEL_ERROR, "loud", "n=2");
    char *text = logged();
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "level=error"));
    assert_int_equal(lines_in(text), 1);
    free(text);
}

static void test_line_of_any_length_is_one_line(void **state)
{
    (void)state;
    char *words = calloc(1, 10000);
    assert_non_null(words);
    memset(words, 'x', 9999);
    assert_true(log_open(path, LOG_LEVEL_INFO));
    log_line(LOG_LEVEL_INFO, "long", "words=%s", words);
    log_line(LOG_LEVEL_INFO, "short", "n=%d", 1);
    char *text = logged();
    assert_int_equal(lines_in(text), 2);
    assert_ends_with(text, " what=short n=1\n");
    free(text);
    free(words);
}

/* Lines written, and the sum of what `repeated=` says was not. */
static unsigned long accounted_for(const char *text)
{
    unsigned long n = lines_in(text), of_their_own = 0;
    for (const char *r = text; (r = strstr(r, " repeated=")); r++) {
        n += strtoul(r + strlen(" repeated="), NULL, 10);
        of_their_own += strncmp(r - strlen("what=storm"), "what=storm", 10) == 0;
    }
    return n - of_their_own;
}

static void *storm(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2500; i++)
        log_line(LOG_LEVEL_INFO, "storm", "n=%d", i);
    return NULL;
}

static void test_what_happens_a_thousand_times_is_counted(void **state)
{
    (void)state;
    pthread_t thread[4];
    assert_true(log_open(path, LOG_LEVEL_INFO));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, storm, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    char *text = logged();
    assert_int_equal(accounted_for(text), 10000);
    assert_true(lines_in(text) < 5000);
    free(text);
}

static void test_words_pushed_out_by_others_are_still_accounted_for(void **state)
{
    (void)state;
    assert_true(log_open(path, LOG_LEVEL_INFO));
    storm(NULL);
    for (int i = 0; i < 100; i++) {
        char what[32];
        snprintf(what, sizeof what, "other%d", i);
        log_line(LOG_LEVEL_INFO, what, "n=%d", i);
    }
    char *text = logged();
    assert_int_equal(accounted_for(text), 2500 + 100);
    free(text);
}

static void test_log_that_can_not_be_opened_says_so(void **state)
{
    (void)state;
    char nowhere[96];
    snprintf(nowhere, sizeof nowhere, "%s/none/log", folder);
    assert_false(log_open(nowhere, LOG_LEVEL_INFO));
    log_close();
}

static void test_log_goes_on_in_a_new_file_once_it_was_rotated(void **state)
{
    (void)state;
    char rotated[96], *text;
    snprintf(rotated, sizeof rotated, "%s/log.1", folder);
    assert_true(log_open(path, LOG_LEVEL_INFO));
    log_line(LOG_LEVEL_INFO, "before", "n=1");
    assert_int_equal(rename(path, rotated), 0);
    log_line(LOG_LEVEL_INFO, "between", "n=2");
    log_reopen();
    log_line(LOG_LEVEL_INFO, "after", "n=3");
    text = logged();
    assert_null(strstr(text, "between"));
    assert_non_null(strstr(text, "what=log_reopened"));
    assert_ends_with(text, " what=after n=3\n");
    free(text);
    assert_int_equal(rename(rotated, path), 0);
    text = logged();
    assert_non_null(strstr(text, "what=before"));
    assert_ends_with(text, " what=between n=2\n");
    free(text);
}

static void test_log_that_can_not_be_opened_again_goes_on_where_it_was(void **state)
{
    (void)state;
    char there[64], *text;
    snprintf(there, sizeof there, "%s/moved", folder);
    assert_true(log_open(path, LOG_LEVEL_INFO));
    assert_int_equal(rename(path, there), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    log_reopen();
    log_line(LOG_LEVEL_INFO, "after", "n=1");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(there, path), 0);
    text = logged();
    assert_non_null(strstr(text, "level=error"));
    assert_non_null(strstr(text, "what=log_not_reopened"));
    assert_ends_with(text, " what=after n=1\n");
    free(text);
}

static void *reopen(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++)
        log_reopen();
    return NULL;
}

static void test_log_may_be_opened_again_while_others_write(void **state)
{
    (void)state;
    pthread_t writer, opener;
    assert_true(log_open(path, LOG_LEVEL_WARN));
    assert_int_equal(pthread_create(&writer, NULL, storm, NULL), 0);
    assert_int_equal(pthread_create(&opener, NULL, reopen, NULL), 0);
    for (int i = 0; i < 20; i++)
        log_line(LOG_LEVEL_WARN, "main", "n=%d", i);
    pthread_join(writer, NULL);
    pthread_join(opener, NULL);
    char *text = logged();
    assert_int_equal(lines_in(text), 20);
    free(text);
}

static void test_levels_have_names(void **state)
{
    (void)state;
    enum log_level l = LOG_LEVEL_ERROR;
    assert_true(log_level_parse(&l, "debug"));
    assert_int_equal(l, LOG_LEVEL_DEBUG);
    assert_true(log_level_parse(&l, "WARN"));
    assert_int_equal(l, LOG_LEVEL_WARN);
    assert_string_equal(log_level_word(l), "warn");
    assert_false(log_level_parse(&l, "loud"));
    assert_int_equal(l, LOG_LEVEL_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_words_after_time_level_and_process),
        cmocka_unit_test(test_what_people_wrote_stays_within_its_word),
        cmocka_unit_test(test_lines_below_the_level_are_left_out),
        cmocka_unit_test(test_line_of_any_length_is_one_line),
        cmocka_unit_test(test_what_happens_a_thousand_times_is_counted),
        cmocka_unit_test(test_words_pushed_out_by_others_are_still_accounted_for),
        cmocka_unit_test(test_log_that_can_not_be_opened_says_so),
        cmocka_unit_test(test_log_goes_on_in_a_new_file_once_it_was_rotated),
        cmocka_unit_test(test_log_that_can_not_be_opened_again_goes_on_where_it_was),
        cmocka_unit_test(test_log_may_be_opened_again_while_others_write),
        cmocka_unit_test(test_levels_have_names),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
