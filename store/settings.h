/* The settings in force: an immutable snapshot of the table `rowcast_config`.
 *
 * `epoch` and `version` tell which settings these are.  A user of settings asks the store for
 * newer ones, and keeps a reference for as long as it needs them.  Values are in the table's
 * units.
 *
 * Names, kinds, ranges and defaults are in the table of settings.c.  sql/schema.sql has them as
 * well, as rules for everyone who writes (a test compares the two).  They are checked here again,
 * since a person can put anything into a table whose triggers are gone.
 *
 * Thread: any (the count is atomic; nothing else changes once the settings were handed out). */
#ifndef ROWCAST_STORE_SETTINGS_H
#define ROWCAST_STORE_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/event_id.h"

enum session_check { SESSION_CHECK_NONE, SESSION_CHECK_USER_AGENT };

struct settings {
    atomic_int refs;
    char epoch[EPOCH_SIZE]; /* of the log they were read from; "": the defaults */
    int64_t version;        /* rowcast_log.config_version at the read; -1: the defaults */
    int64_t buffer_size;    /* events a mailbox */
    int64_t buffer_age;     /* s; 0: no limit */
    int64_t buffer_bytes;
    int64_t buffer_ttl; /* s of served time */
    bool enable_reconnection;
    int64_t cleanup_interval;   /* s */
    int64_t heartbeat_interval; /* s */
    int64_t retry;              /* ms */
    int64_t stream_max_age;     /* s; 0: no limit */
    int64_t max_event_bytes;
    int64_t tail_bytes;
    int64_t memory_bytes;
    bool mark_replayed; /* replayed JSON objects gain `_replayed`; no struct mark is meant */
    enum session_check session_check;
    char publish_token[257]; /* "": HTTP publishing is closed */
    char meta_headers[1025]; /* names separated by commas; "": none */
    char cookie_name[65];    /* of the session's cookie */
    char cookie_path[257];   /* "": the folder of the stream */
};

/* The documented defaults, with one reference.  NULL: out of memory. */
struct settings *settings_new(void);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* NULL is fine; frees with the last */

/* Whether `s` was read from the log of this epoch at this config_version.  NULL: no. */
bool settings_are_of(const struct settings *s, const char *epoch, int64_t version);

/* Seconds from one heartbeat of a stream to the next: what its client asked for, if that is
 * shorter than the setting; `asked` 0: it asked for nothing. */
int64_t settings_heartbeat(const struct settings *s, int64_t asked);

/* What a setting is. */
enum setting_kind {
    SETTING_NUMBER, /* a whole number from `least` to `most`, or 0 where `or_zero` */
    SETTING_SWITCH, /* 0 or 1 */
    SETTING_CHECK,  /* user_agent or none */
    SETTING_TOKEN,  /* up to `most` printable ASCII characters, no blanks */
    /* A name: 1 to `most` letters, digits and -_., of which the first is a letter or a digit. */
    SETTING_COOKIE,
    /* Empty, or up to `most` characters that begin with / and fit into a header. */
    SETTING_PATH,
    SETTING_NAMES /* up to `most` characters: names of headers, separated by commas */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    bool or_zero;
    int64_t least, most;
    const char *standard; /* the default, as the table has it */
    size_t offset;        /* in struct settings */
};

/* All of them; *n is how many. */
const struct setting *settings_table(size_t *n);

enum setting_taken { SETTING_TAKEN, SETTING_UNKNOWN, SETTING_IMPOSSIBLE };

/* Set one setting to `value` (NULL: not a text).  An unknown name belongs to a later version of
 * the table.  A value that is out of range leaves the setting as it was. */
enum setting_taken settings_take(struct settings *s, const char *name, const char *value);

#endif
