#include "tests/scenario/pages.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AGAIN_MS = 200 /* where nobody lets it in */ };

static void connect_page(struct pages *p, struct page *page)
{
    char text[512];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)page->port)};
    inet_pton(AF_INET, p->stage->host, &a.sin_addr);
    page->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    page->until = now_ms() + page->life_ms;
    page->line_len = 0;
    page->row = page->rows_again = 0;
    /* HTTP/1.0, so that no chunks stand between the lines. */
    int len = snprintf(text, sizeof text,
                       "GET /sse/events HTTP/1.0\r\nHost: localhost\r\nUser-Agent: page\r\n"
                       "Accept: text/event-stream\r\n%s%s%s\r\n",
                       *page->cookie ? "Cookie: sse-session-id=" : "", page->cookie,
                       *page->cookie ? "\r\n" : "");
    if (connect(page->fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        send(page->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
        fail_stage(p->stage, "the web server is gone");
}

static void end_load(struct pages *p, struct page *page, bool counts)
{
    close(page->fd);
    page->fd = -1;
    page->until = now_ms() + (counts ? page->pause_ms : AGAIN_MS);
    page->loads += counts;
    int again_ms = page->rows_again * 1000 / p->rate;
    if (again_ms > page->again_ms)
        page->again_ms = again_ms;
}

static void take_row(struct pages *p, struct page *page, int row)
{
    int next = page->row ? page->row + 1 : page->newest + 1;
    bool again = row <= page->newest;
    if (page->newest && (row > next || (page->row && row < next)))
        fail_stage(p->stage, "load %d of a page of %d ms: row %d came where %d was next",
                   page->loads, page->life_ms, row, next);
    page->rows_again += again;
    page->row = row;
    if (!again)
        page->newest = row;
}

static void take_line(struct pages *p, struct page *page)
{
    static const char token[] = "X-SSE-Session-ID: ", data[] = "data: ";
    page->line[page->line_len] = '\0';
    page->line[strcspn(page->line, "\r")] = '\0';
    if (strcmp(page->line, "event: gap") == 0)
        fail_stage(p->stage, "load %d of a page of %d ms was told a gap", page->loads,
                   page->life_ms);
    if (strncasecmp(page->line, token, sizeof token - 1) == 0)
        snprintf(page->cookie, sizeof page->own_cookie, "%s", page->line + sizeof token - 1);
    const char *digits = page->line + sizeof data - 1;
    if (strncmp(page->line, data, sizeof data - 1) == 0 && *digits &&
        digits[strspn(digits, "0123456789")] == '\0')
        take_row(p, page, atoi(digits));
}

static void read_page(struct pages *p, struct page *page)
{
    static char bytes[65536];
    ssize_t n = recv(page->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            take_line(p, page);
            page->line_len = 0;
        } else if (page->line_len < sizeof page->line - 1) {
            page->line[page->line_len++] = bytes[i];
        }
    }
    if (n == 0) /* the server ended it, or has no responder just now */
        end_load(p, page, page->row > 0);
}

static void publish_due(struct pages *p, int64_t now)
{
    for (; p->due <= now; p->due += 1000 / p->rate)
        fprintf(p->shell, "INSERT INTO events(type, data) VALUES ('n', '%d');\n", ++p->rows);
    fflush(p->shell);
}

static bool turn(struct pages *p, bool over, int loads)
{
    struct pollfd fd[PAGES];
    size_t busy = 0;
    int64_t now = now_ms(), next = p->due;
    for (size_t i = 0; i < p->pages; i++) {
        struct page *page = &p->page[i];
        if (page->fd >= 0 && page->until <= now)
            end_load(p, page, true);
        bool done = over && page->fd < 0 && page->loads >= loads;
        if (page->fd < 0 && page->until <= now && !done)
            connect_page(p, page);
        busy += !done;
        next = !done && page->until < next ? page->until : next;
        fd[i] = (struct pollfd){.fd = page->fd, .events = POLLIN};
    }
    poll(fd, p->pages, next > now ? (int)(next - now) : 0);
    for (size_t i = 0; i < p->pages; i++)
        if (fd[i].revents)
            read_page(p, &p->page[i]);
    publish_due(p, now_ms());
    return busy > 0;
}

void pages_open(struct pages *p, struct stage *s, int rate)
{
    char command[NAME_SIZE + 64];
    *p = (struct pages){.stage = s, .rate = rate, .due = now_ms()};
    shell_set(s, "buffer_size", "100000");
    snprintf(command, sizeof command, "exec /usr/bin/sqlite3 -batch %s", s->db);
    p->shell = popen(command, "we");
    assert_non_null(p->shell);
    fputs(".output /dev/null\n.timeout 10000\n", p->shell);
}

struct page *pages_add(struct pages *p, int life_ms, int pause_ms, int port)
{
    assert_in_range(p->pages, 0, PAGES - 1);
    struct page *page = &p->page[p->pages++];
    *page = (struct page){.life_ms = life_ms, .pause_ms = pause_ms, .port = port, .fd = -1};
    page->cookie = page->own_cookie;
    return page;
}

void pages_same_session(struct page *tab, const struct page *of)
{
    tab->cookie = of->cookie;
}

void pages_run(struct pages *p, int64_t ms, int loads)
{
    int64_t until = now_ms() + ms;
    while (now_ms() < until || loads != LOADS_GO_ON)
        if (!turn(p, now_ms() >= until && loads != LOADS_GO_ON, loads))
            return;
}

void pages_close(struct pages *p)
{
    for (size_t i = 0; i < p->pages; i++)
        if (p->page[i].fd >= 0)
            close(p->page[i].fd);
    pclose(p->shell);
}

void pages_expect_few_again(const struct pages *p, int most_ms)
{
    for (size_t i = 0; i < p->pages; i++) {
        const struct page *page = &p->page[i];
        print_message("%5d ms, then %4d ms, %s: %2d loads, at most %4d ms of rows again\n",
                      page->life_ms, page->pause_ms,
                      page->port == p->stage->port ? "direct " : "delayed", page->loads,
                      page->again_ms);
        if (page->again_ms > most_ms)
            fail_stage(p->stage, "%d ms of rows came again to a page of %d ms", page->again_ms,
                       page->life_ms);
    }
}
