#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/wire.h"

void request(struct stage *s, struct answer *out, const char *method, const char *path,
             const char *headers, const char *body)
{
    struct wire w;
    char lines[8192];
    size_t have = 0;
    int64_t deadline = now_ms() + PATIENCE;
    snprintf(lines, sizeof lines, "%s%s", s->secure ? "" : "Connection: close\r\n",
             headers ? headers : "");
    if (!wire_ask(&w, s, method, path, lines, body ? body : "") ||
        !wire_read_head(&w, deadline))
        fail_stage(s, "%s %s: no answer%s%s", method, path, w.head[0] ? ", but " : "", w.head);
    while (!w.ended && have < sizeof out->body - 1) {
        size_t got = wire_read(&w, out->body + have, sizeof out->body - 1 - have, deadline);
        if (got == 0 && !w.ended)
            fail_stage(s, "%s %s: the answer did not end", method, path);
        have += got;
    }
    out->body[have] = '\0';
    out->status = w.status;
    snprintf(out->head, sizeof out->head, "%.4000s", w.head);
    wire_close(&w);
}

void post(struct stage *s, struct answer *out, const char *path, const char *body)
{
    request(s, out, "POST", path,
            "Authorization: Bearer " TOKEN "\r\nContent-Type: text/plain\r\n", body);
}

int64_t stats(struct stage *s, const char *name)
{
    struct answer a;
    char key[64];
    request(s, &a, "GET", "/sse/stats", "Authorization: Bearer " TOKEN "\r\n", NULL);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = a.status == 200 ? strstr(a.body, key) : NULL;
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}
