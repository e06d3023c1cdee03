/* What a stream listens to: its mailboxes and, if it asked for some only, its event types.
 *
 *     mailbox[0]  ""          broadcasts, always
 *     mailbox[1…] "room-7"    channels it asked for, sorted, each once
 *     the last    "@71b0…"    the session's own, unless it has no session
 *
 * Made by the claim, then immutable except for `told_to`, which belongs to the stream's owner.
 * One allocation: about 150 bytes and the names.
 *
 * Thread: any may read; the owner alone frees. */
#ifndef ROWCAST_STORE_SUBSCRIPTION_H
#define ROWCAST_STORE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUBSCRIPTION_CHANNELS_MAX = 64,
    SUBSCRIPTION_NAMES_MAX = 8192, /* bytes of all channels' names: 64 of 128, or 16 of 512 */
    SUBSCRIPTION_TYPES_MAX = 64,
    SUBSCRIPTION_KEPT_KEY_SIZE = 201,
    SUBSCRIPTION_SHOWN_SIZE = 257
};

struct mailbox {
    const char *name;
    uint64_t hash;   /* mailbox_hash(name): compared first, the name decides */
    int64_t told_to; /* up to which id the stream was told of holes; 0: of none */
};

struct subscription {
    size_t mailboxes;
    size_t types;     /* 0: every type */
    bool has_session; /* the last mailbox is the session's own */
    const char **type;
    struct mailbox mailbox[];
};

/* A 64-bit hash of a mailbox's name.  Anybody can make two names collide, so equal hashes only
 * suggest what comparing the names decides. */
uint64_t mailbox_hash(const char *name);

/* Make a subscription of copies of everything given; of channels and types it takes the first 64.
 * (A caller that wants to refuse more, or longer names, does so before.)  `session_id` NULL: no
 * mailbox of its own.  Returns NULL when out of memory. */
struct subscription *subscription_new(const char *session_id, const char *const *channels,
                                      size_t channel_count, const char *const *types,
                                      size_t type_count);
void subscription_free(struct subscription *s);

/* The mailbox of `s` that has this name; NULL: `s` does not listen to it.  O(mailboxes). */
struct mailbox *subscription_find(struct subscription *s, uint64_t hash, const char *name);

/* Whether events of this type were asked for. */
bool subscription_wants(const struct subscription *s, const char *type);

/* The canonical text of channels and types, without the session: equal for the same sets in any
 * order, so that a bookmark can be found again by it.  malloc'd; NULL: out of memory. */
char *subscription_key(const struct subscription *s);

/* What the sessions store of a key: a short key itself, else '#' and a hash of it, since a
 * stranger can ask for names of 16 KB.  A key begins with 'c' or 't' or is empty, so a hash is
 * never mistaken for one. */
void subscription_kept_key(char out[SUBSCRIPTION_KEPT_KEY_SIZE], const char *key);

/* What people are shown of a key: its beginning, cut between two UTF-8 characters. */
void subscription_shown(char out[SUBSCRIPTION_SHOWN_SIZE], const char *key);

#endif
