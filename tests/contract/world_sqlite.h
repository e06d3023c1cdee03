/* What the files of SQLite's half of the world share: connections as a person's shell has them,
 * and what goes wrong.  Each fails the test when it cannot be done. */
#ifndef ROWCAST_TESTS_WORLD_SQLITE_H
#define ROWCAST_TESTS_WORLD_SQLITE_H

#include "tests/contract/contract_world.h"

#include <sqlite3.h>

struct place {
    char folder[32];
    sqlite3 *shell[2]; /* by part; opened when first used */
};

void shell_name(const struct world *w, enum part part, char name[80]);
sqlite3 *shell_of(struct world *w, enum part part);
void shell_leave(struct world *w, enum part part); /* the next use opens it anew */

/* Run SQL that was made by sqlite3_mprintf, which goes; the error's sentence, or NULL. */
const char *shell_run(sqlite3 *db, char *sql);
void shell_must(const char *why);
int64_t shell_number(sqlite3 *db, char *sql);   /* the same, for a number */
char *shell_text(sqlite3 *db, const char *sql); /* the caller frees, by sqlite3_free */

#define LOG(...) shell_must(shell_run(shell_of(w, THE_LOG), sqlite3_mprintf(__VA_ARGS__)))
#define SESSIONS_DO(...)                                                                       \
    shell_must(shell_run(shell_of(w, THE_SESSIONS), sqlite3_mprintf(__VA_ARGS__)))

void sqlite_world_age(struct world *w, int64_t seconds);
void sqlite_world_orphan(struct world *w, int64_t stream);
void sqlite_world_foreign(struct world *w, int64_t stream);
void sqlite_world_hold(struct world *w, enum part part);
void sqlite_world_release(struct world *w, enum part part);
void sqlite_world_fill_up(struct world *w, enum part part, bool full);
void sqlite_world_damage(struct world *w, enum part part);
void sqlite_world_lose(struct world *w, enum part part);
void sqlite_world_replace(struct world *w);
void sqlite_world_put_back(struct world *w, int64_t n);

#endif
