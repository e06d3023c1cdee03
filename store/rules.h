/* The limits and reserved words of the data, for every part of the program.
 *
 * sql/schema.sql has them as well, as rules for every publisher; a test compares the two.  They
 * are checked here again so that a request can be refused before it costs anything, and because
 * rows can be inserted into a log whose triggers are gone.
 *
 * Thread: any; no state. */
#ifndef ROWCAST_STORE_RULES_H
#define ROWCAST_STORE_RULES_H

#include <stdbool.h>

enum {
    EVENT_TYPE_MAX = 128,         /* bytes */
    EVENT_NAME_MAX = 512,         /* bytes of a channel's name */
    EVENT_MAILBOX_MAX = 513,      /* bytes of a name and its mark */
    EVENT_KEY_MAX = 128,          /* bytes of a key, of a dedup_key, or of a session's id */
    EVENT_EXPIRES_MAX = 31536000, /* s from its publication; over HTTP at least 1 */
    EVENT_DATA_MAX = 16777216, /* bytes: the most that the setting max_event_bytes allows … */
    EVENT_DATA_MAX_LEAST = 1024, /* … and the least */
    RETRY_LEAST = 100,           /* ms; of the setting retry */
    RETRY_MOST = 3600000,
    HEARTBEAT_MOST = 3600 /* s; of the setting heartbeat_interval */
};

/* The names of sessions' mailboxes begin with it, and no channel does. */
#define MAILBOX_MARK '@'

/* Whether a channel begins with MAILBOX_MARK, or with a word that is kept for later versions. */
bool rules_channel_is_reserved(const char *channel);
#define RULES_CHANNEL_IS_RESERVED "channels that begin with @, user: or rowcast: are reserved"

/* Whether a type is a word of the protocol.  A client could mistake an event of such a type for
 * one that the program sends, or that the browser makes. */
bool rules_type_is_reserved(const char *type);

/* Whether a type is valid: 1 to EVENT_TYPE_MAX bytes without CR and LF, and not reserved. */
bool rules_type_is_sound(const char *type);

/* All reserved beginnings of channels, and all reserved types; NULL ends each list. */
extern const char *const rules_channel_prefixes[], *const rules_reserved_types[];

#endif
