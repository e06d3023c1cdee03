/* What of a stream counts as received: the position that its bookmark gets.
 *
 * Bytes that are written just before a connection breaks never arrive, nor do those that a
 * proxy still holds when its client leaves, and nobody tells which they were.  So a mark trails
 * what was written:
 *
 *     by 0.9 s  when the peer said that it leaves, and had read all that was written.  That is
 *               more than the round trip of a proxy that delays by 0.4 s each way, and less
 *               than the life of a page that is reloaded every second.  A stream that lives
 *               shorter does not move its bookmark: nobody can tell what it received
 *     by 2 s    otherwise: while the stream runs, when it broke, when it was ended from here
 *
 * Apache notices that a browser left when it cannot write: the first write after the departure
 * is lost without a word, the second one fails, and Apache closes at once.  So a departure
 * right after a write says nothing of the write before it: the mark goes back before that one,
 * too, if it is less than 5 s old.
 *
 * Streams at the log's end all stood at the same position at the same time.  So the hub keeps
 * one list of times for all of them, and a stream only since when it has been there:
 *
 *     log    9.1 s: 40   9.2 s: 42   9.3 s: 44   ...   11.4 s: 91        (struct mark_log)
 *     stream at the end since 7.0 s: the mark of 11.4 s is 44 when 2 s have to lie behind it
 *
 * A stream that is behind has two positions of its own, which move every 2 s.
 *
 * Times are milliseconds of the hub's clock, which does not count time that the hub stood
 * still: what was written before that is not older afterwards.  Pure; Thread: the hub's. */
#ifndef ROWCAST_FCGI_MARK_H
#define ROWCAST_FCGI_MARK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MARK_MS = 2000,      /* so old is what counts as received, and mark_move is due */
    MARK_TOLD_MS = 900,  /* the same when the peer said that it leaves */
    MARK_GRAIN_MS = 100, /* times closer than this are one */
    MARK_MOMENTS = 64    /* more than 5 s of them */
};

/* Where the log's end stood at which time. */
struct mark_log {
    uint64_t at; /* up to `end` everything was written to all streams at the end */
    int64_t end;
    struct {
        uint64_t at;
        int64_t end;
    } moment[MARK_MOMENTS]; /* a ring */
    uint32_t moments;       /* so many were kept so far */
};

/* Another log, or the first. */
void mark_log_begin(struct mark_log *l, uint64_t now, int64_t end);
void mark_log_grew(struct mark_log *l, uint64_t now, int64_t end); /* and was fanned out */

/* What a stream keeps: 24 bytes, since there are thousands. */
struct mark {
    int64_t settled; /* received for sure */
    uint32_t coming; /* so much further it stood at the last mark_move, or more */
    uint32_t since;  /* it has been at the end without a break; 0: it is behind */
    uint32_t wrote;  /* when bytes went out last, and the time before */
    uint32_t wrote_before;
};

void mark_begin(struct mark *m, uint64_t now, int64_t position); /* received: its bookmark */
void mark_wrote(struct mark *m, uint64_t now);
/* Whether it has everything up to the log's end; after each time it could write. */
void mark_stands(struct mark *m, const struct mark_log *l, uint64_t now, bool at_end);
void mark_move(struct mark *m, int64_t position); /* every MARK_MS */

/* The mark while it runs, and that of a stream whose peer said now that it leaves. */
int64_t mark_running(const struct mark *m, const struct mark_log *l, uint64_t now);
int64_t mark_told(const struct mark *m, const struct mark_log *l, uint64_t now);

#endif
