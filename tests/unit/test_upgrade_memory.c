/* SQLite runs out of memory during an upgrade, at its first allocation, its second, and so on. */
#include "tests/unit/old_world.h"
#include "tests/unit/sqlite_memory.h"

/* What may come of it at the first call; the second one has memory. */
static bool goes_on(struct world *w, long n, bool lasting, bool *ran_out)
{
    struct store_end end;
    sqlite_memory_fail(n, lasting);
    enum store_result r = store_where(w->store, &end);
    if (r == STORE_OK)
        r = store_join(w->store);
    *ran_out = sqlite_memory_mend();
    if (r != STORE_OK && r != STORE_NOMEM) {
        fprintf(stderr, "allocation %ld: %d, %s\n", n, r, store_why(w->store));
        return false;
    }
    const char *rows = old_read(w->store, 0);
    if (strcmp(rows, OLD_ROWS) != 0)
        fprintf(stderr, "after allocation %ld: %s\n", n, rows);
    r = old_append(w->store, "k");
    if (r != STORE_OK)
        fprintf(stderr, "after allocation %ld: %d, %s\n", n, r, store_why(w->store));
    return strcmp(rows, OLD_ROWS) == 0 && r == STORE_OK &&
           strcmp(old_read(w->store, OLD_LAST), "18=k") == 0 &&
           old_revision(w->log, "rowcast_log") == 2;
}

/* Later allocations are tried more sparsely: an upgrade asks for thousands. */
static int run_out_in_an_upgrade(void)
{
    void *state;
    sqlite_memory_replace();
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    for (int lasting = 0; lasting < 2; lasting++) {
        bool ran_out = true;
        for (long n = 1; ran_out; n += 1 + n / 8) {
            old_setup(&state);
            bool well = goes_on(state, n, lasting, &ran_out);
            world_teardown(&state);
            if (!well)
                return 3;
        }
    }
    return 0;
}

static void test_an_upgrade_without_memory_is_made_when_there_is_some(void **state)
{
    (void)state;
    assert_int_equal(sqlite_memory_process(), 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return run_out_in_an_upgrade();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_upgrade_without_memory_is_made_when_there_is_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
