/* Parsing is lenient, since the header has many makers: browsers, proxies that join two headers
 * by a comma, and scripts that quote.  What is not a token is skipped.  Only the fact that
 * something was there is remembered: a client with a useless cookie is not new, and the claim
 * has to know that (wish.c).
 *
 * Writing is strict: the tokens are hexadecimal, the name was checked when it was set, and a
 * path that could end the line or the attribute is replaced by "/". */
#include "fcgi/request/cookie.h"

#include <stdio.h>
#include <string.h>

#include "fcgi/request/position.h"

static bool is_token(const char *text, size_t len)
{
    return len == SESSION_TOKEN_SIZE - 1 && strspn(text, "0123456789abcdef") >= len;
}

static void add_token(struct cookie_tokens *out, const char *text, size_t len)
{
    if (position_means_none(text, len))
        return;
    if (!is_token(text, len)) {
        out->unusable = true;
        return;
    }
    for (size_t i = 0; i < out->n; i++)
        if (memcmp(out->token[i], text, len) == 0)
            return;
    if (out->n == COOKIE_TOKENS_MAX)
        return;
    memcpy(out->token[out->n], text, len);
    out->token[out->n++][len] = '\0';
}

/* Add the tokens of one cookie: they are separated by points, and may be in quotes. */
static void add_value(struct cookie_tokens *out, const char *value, size_t len)
{
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (len > 1 && value[0] == '"' && value[len - 1] == '"') {
        value++;
        len -= 2;
    }
    while (len > 0) {
        const char *point = memchr(value, '.', len);
        size_t n = point ? (size_t)(point - value) : len;
        add_token(out, value, n);
        n += point != NULL;
        value += n;
        len -= n;
    }
}

void cookie_read(struct cookie_tokens *out, const char *cookies, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *at = cookies; *at; at += *at != '\0') {
        at += strspn(at, " \t");
        size_t pair = strcspn(at, ";,");
        if (pair > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=')
            add_value(out, at + name_len + 1, pair - name_len - 1);
        at += pair;
    }
}

void cookie_read_header(struct cookie_tokens *out, const char *value)
{
    for (const char *at = value; *at; at += *at != '\0') {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ",");
        add_value(out, at, len);
        at += len;
    }
}

/* The path of an address.  REQUEST_URI may begin with scheme and host, since a client may ask
 * for a whole address (RFC 9112, 3.2.2). */
static const char *cookie_path_of(const char *address)
{
    const char *host = strstr(address, "://");
    if (address[0] == '/' || !host)
        return address;
    const char *path = strchr(host + 3, '/');
    return path ? path : "/";
}

static bool may_be_path(const char *text, size_t len)
{
    if (len == 0 || text[0] != '/' || len >= COOKIE_FOLDER_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr(";,\"\\", text[i]))
            return false;
    return true;
}

void cookie_folder(char out[COOKIE_FOLDER_SIZE], const struct request *r)
{
    bool split = !r->request_uri[0];
    const char *path = cookie_path_of(split ? r->script_name : r->request_uri);
    char whole[2 * COOKIE_FOLDER_SIZE];
    if (split) {
        snprintf(whole, sizeof whole, "%s%s", r->script_name, r->path_info);
        path = whole;
    }
    /* From the file to its folder: /sse/events/ and /sse/events are both in /sse. */
    size_t len = strcspn(path, "?#");
    while (len > 0 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    bool fits = may_be_path(path, len);
    memcpy(out, fits ? path : "/", fits ? len : 1);
    out[fits ? len : 1] = '\0';
}

void cookie_write(struct buffer *out, const struct settings *settings, const struct request *r,
                  const struct claim *c)
{
    char folder[COOKIE_FOLDER_SIZE];
    cookie_folder(folder, r);
    buffer_printf(out, "Set-Cookie: %s=%s", settings->cookie_name, c->token);
    for (size_t i = 0; i < c->others; i++)
        buffer_printf(out, ".%s", c->other[i]);
    buffer_printf(out, "; Path=%s; Max-Age=%d; HttpOnly; SameSite=Strict%s\r\n",
                  settings->cookie_path[0] ? settings->cookie_path : folder, COOKIE_MAX_AGE,
                  r->https ? "; Secure" : "");
}
