#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/shell_line.h"

enum { LINE = 1024 };

/* Paste it, and give what the setting is then. */
static void pasted(const char *path, const char *value, char *now, size_t size)
{
    char line[LINE], command[2 * LINE];
    assert_true(shell_line_set(line, sizeof line, path, "name", value));
    assert_null(strpbrk(line, "\"\n"));
    snprintf(
        command, sizeof command,
        "P='%s'; rm -f \"$P\"; sqlite3 \"$P\" \"CREATE TABLE rowcast_config(name, value);"
        " INSERT INTO rowcast_config VALUES('name', 'old'), ('other', 'old')\" && %s && "
        "sqlite3 \"$P\" \"SELECT count(*) || value FROM rowcast_config WHERE name = 'name';"
        " SELECT value FROM rowcast_config WHERE name = 'other'\"; rm -f \"$P\"",
        path, line);
    FILE *f = popen(command, "re");
    assert_non_null(f);
    size_t n = fread(now, 1, size - 1, f);
    now[n] = '\0';
    assert_int_equal(pclose(f), 0);
}

static void test_the_line_sets_exactly_the_value_whatever_is_in_it(void **state)
{
    static const char *const values[] = {"77",
                                         "",
                                         "it's",
                                         "'; DROP TABLE rowcast_config; --",
                                         "$(exit 1) `exit 1` $HOME",
                                         "say \"hello\"",
                                         "a\\b",
                                         "a\tb",
                                         "Grüße",
                                         "X-Header: a|b & c > d; e"};
    char folder[] = "/tmp/rowcast-XXXXXX", path[64], now[LINE], expected[LINE];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a $log & more", folder);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        pasted(path, values[i], now, sizeof now);
        snprintf(expected, sizeof expected, "1%s\nold\n", values[i]);
        assert_string_equal(now, expected);
    }
    rmdir(folder);
}

static void test_a_simple_path_needs_no_quotes(void **state)
{
    char line[LINE];
    (void)state;
    assert_true(
        shell_line_set(line, sizeof line, "/var/lib/rowcast/rowcast.db", "retry", "500"));
    assert_string_equal(line, "sqlite3 /var/lib/rowcast/rowcast.db 'UPDATE rowcast_config SET "
                              "value = '\\''500'\\'' WHERE name = '\\''retry'\\'''");
}

static void test_what_does_not_fit_or_cannot_be_written_is_no_line(void **state)
{
    char line[LINE];
    (void)state;
    for (size_t size = 1; size < 80; size++)
        assert_false(shell_line_set(line, size, "/var/lib/rowcast.db", "retry", "500"));
    assert_false(shell_line_set(line, sizeof line, "/a\"b", "retry", "500"));
    assert_false(shell_line_set(line, sizeof line, "/a\nb", "retry", "500"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line_sets_exactly_the_value_whatever_is_in_it),
        cmocka_unit_test(test_a_simple_path_needs_no_quotes),
        cmocka_unit_test(test_what_does_not_fit_or_cannot_be_written_is_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
