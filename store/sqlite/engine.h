/* The functions of the SQLite engine, as engine.h and store.h say them.  Private to this
 * folder. */
#ifndef ROWCAST_STORE_SQLITE_ENGINE_H
#define ROWCAST_STORE_SQLITE_ENGINE_H

#include "store/engine.h"

enum store_result sqlite_open(struct store **out, const char *address);
void sqlite_close(struct store *s);
bool sqlite_rest(struct store *s);
void sqlite_deadline(int ms);
enum store_result sqlite_where(struct store *s, struct store_end *out);
enum store_result sqlite_look(struct store *s, struct store_end *out);
enum store_result sqlite_renew(struct store *s, const char *epoch, int64_t seen);
enum store_result sqlite_read(struct store *s, const struct store_question *q,
                              const struct store_sink *sink, int64_t *through);
enum store_result sqlite_wait(struct store *s, int timeout_ms);
void sqlite_wake(struct store *s);
enum store_result sqlite_append_all(struct store *s, struct appending *const *items, size_t n,
                                    int patience_ms);
enum store_result sqlite_settings(struct store *s, struct settings **out);
enum store_result sqlite_environment(struct store *s, void (*say)(void *arg, const char *line),
                                     void *arg);
enum store_result sqlite_fit(struct store *s);
bool sqlite_wal_exceeds(struct store *s, int64_t wal_bytes);
enum store_result sqlite_checkpoint(struct store *s, int64_t wal_bytes, struct store_wal *out);
enum store_result sqlite_join(struct store *s);
enum store_result sqlite_claim(struct store *s, const struct settings *settings,
                               const struct claim_request *r, struct claim *out);
enum store_result sqlite_claim_waits(struct store *s, const struct claim_request *r,
                                     struct claim_open *open);
enum store_result sqlite_save(struct store *s, const struct bookmark *b, size_t n,
                              const struct store_end *end);
enum store_result sqlite_ended(struct store *s, const struct bookmark *b, size_t n);
enum store_result sqlite_beat(struct store *s, int64_t *stream_ids, size_t max, size_t *n);
enum store_result sqlite_disconnect(struct store *s, const char *session_id);
enum store_result sqlite_expire(struct store *s, const struct settings *settings,
                                int64_t elapsed_ms, bool *more);
enum store_result sqlite_retain(struct store *s, const struct settings *settings, bool *more);
enum store_result sqlite_stats(struct store *s, char **json);
enum store_result sqlite_check(struct store *s, void (*say)(void *arg, const char *line),
                               void *arg);

#endif
