/* A subscription is one block of memory: the struct and its mailboxes, then the pointers to the
 * types, then the texts of all names.  One allocation is cheap for a hundred thousand streams,
 * and one free() cannot forget a part. */
#include "store/subscription.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sha256.h"

uint64_t mailbox_hash(const char *name)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct mailbox *)a)->name, ((const struct mailbox *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Copy prefix and text to *end, and move *end behind the copy. */
static const char *text_put(char **end, const char *prefix, const char *text)
{
    char *begin = *end;
    *end = stpcpy(stpcpy(begin, prefix), text) + 1;
    return begin;
}

static size_t text_bytes(const char *const *text, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(text[i]) + 1;
    return bytes;
}

/* Broadcasts first, then each channel once, sorted: that is the canonical order of the key.
 * Names are copied only after the sort, when it is known which of them stay. */
static void channels_put(struct subscription *s, const char *const *channels, size_t n,
                         char **end)
{
    struct mailbox *m = s->mailbox;
    m[0].name = "";
    for (size_t i = 0; i < n; i++)
        m[1 + i].name = channels[i];
    qsort(m + 1, n, sizeof *m, by_name);
    s->mailboxes = 1;
    /* "" sorts before all others, so a channel "" is dropped here as the broadcasts' twin. */
    for (size_t i = 1; i <= n; i++)
        if (strcmp(m[i].name, m[s->mailboxes - 1].name) != 0)
            m[s->mailboxes++].name = m[i].name;
    for (size_t i = 0; i < s->mailboxes; i++)
        m[i].name = text_put(end, "", m[i].name);
}

static void types_put(struct subscription *s, const char *const *types, size_t n, char **end)
{
    for (size_t i = 0; i < n; i++)
        s->type[i] = types[i];
    if (n)
        qsort(s->type, n, sizeof *s->type, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(s->type[i], s->type[s->types - 1]) != 0)
            s->type[s->types++] = s->type[i];
    for (size_t i = 0; i < s->types; i++)
        s->type[i] = text_put(end, "", s->type[i]);
}

struct subscription *subscription_new(const char *session_id, const char *const *channels,
                                      size_t channel_count, const char *const *types,
                                      size_t type_count)
{
    if (channel_count > SUBSCRIPTION_CHANNELS_MAX)
        channel_count = SUBSCRIPTION_CHANNELS_MAX;
    if (type_count > SUBSCRIPTION_TYPES_MAX)
        type_count = SUBSCRIPTION_TYPES_MAX;
    size_t head = sizeof(struct subscription) + (channel_count + 2) * sizeof(struct mailbox);
    size_t texts = 1 + text_bytes(channels, channel_count) + text_bytes(types, type_count) +
                   (session_id ? strlen(session_id) + 2 : 0);
    struct subscription *s = calloc(1, head + type_count * sizeof(char *) + texts);
    if (!s)
        return NULL;
    s->type = (const char **)(void *)((char *)s + head);
    char *end = (char *)(s->type + type_count);
    channels_put(s, channels, channel_count, &end);
    types_put(s, types, type_count, &end);
    s->has_session = session_id;
    if (session_id)
        s->mailbox[s->mailboxes++].name = text_put(&end, "@", session_id);
    for (size_t i = 0; i < s->mailboxes; i++)
        s->mailbox[i].hash = mailbox_hash(s->mailbox[i].name);
    return s;
}

void subscription_free(struct subscription *s)
{
    free(s);
}

struct mailbox *subscription_find(struct subscription *s, uint64_t hash, const char *name)
{
    for (size_t i = 0; i < s->mailboxes; i++)
        if (s->mailbox[i].hash == hash && strcmp(s->mailbox[i].name, name) == 0)
            return &s->mailbox[i];
    return NULL;
}

bool subscription_wants(const struct subscription *s, const char *type)
{
    for (size_t i = 0; i < s->types; i++)
        if (strcmp(s->type[i], type) == 0)
            return true;
    return s->types == 0;
}

/* Each name follows its length.  A name may have any character in it, so there is none that
 * could separate two names: ["a,b"] and ["a", "b"] must not get the same key. */
char *subscription_key(const struct subscription *s)
{
    char *key = NULL;
    size_t size;
    FILE *out = open_memstream(&key, &size);
    if (!out)
        return NULL;
    size_t channels = s->mailboxes - (s->has_session ? 1 : 0);
    for (size_t i = 1; i < channels; i++)
        fprintf(out, "c%zu:%s", strlen(s->mailbox[i].name), s->mailbox[i].name);
    for (size_t i = 0; i < s->types; i++)
        fprintf(out, "t%zu:%s", strlen(s->type[i]), s->type[i]);
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(key);
        return NULL;
    }
    return key;
}

void subscription_kept_key(char out[SUBSCRIPTION_KEPT_KEY_SIZE], const char *key)
{
    if (memccpy(out, key, '\0', SUBSCRIPTION_KEPT_KEY_SIZE))
        return;
    out[0] = '#';
    sha256_half(out + 1, key);
}

/* 10xxxxxx is a byte inside a UTF-8 character (RFC 3629): the cut moves back to its first one. */
void subscription_shown(char out[SUBSCRIPTION_SHOWN_SIZE], const char *key)
{
    size_t len = strnlen(key, SUBSCRIPTION_SHOWN_SIZE);
    if (len == SUBSCRIPTION_SHOWN_SIZE)
        for (len--; len > 0 && ((unsigned char)key[len] & 0xc0) == 0x80;)
            len--;
    memcpy(out, key, len);
    out[len] = '\0';
}
