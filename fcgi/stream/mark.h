/* What of a stream counts as received: the position that its bookmark gets.
 *
 * Bytes that are written just before a connection breaks never arrive, nor do those that a
 * proxy still holds when its client leaves, and nobody tells which they were.  So a mark trails
 * what was written:
 *
 *     by 0.9 s  when the peer says that it leaves, and has read all that was written.  That is
 *               more than the round trip of a proxy that delays by 0.4 s each way, and less
 *               than the life of a page that is reloaded every second.  A shorter stream does
 *               not move its bookmark: nobody can tell what it received
 *     by 2 s    otherwise: while the stream runs, when it broke, when we ended it
 *
 * Apache notices that a browser left only when it cannot write: the first write after the
 * departure is lost without a word, the second one fails, and Apache closes at once.  So a
 * departure right after a write says nothing of the write before it: the mark goes back before
 * that one, too, if it is less than 5 s old.
 *
 * Streams at the log's end are all at the same position at the same time.  So the hub keeps one
 * list of times for all of them, and each stream keeps only since when it has been there:
 *
 *     log    9.1 s: 40   9.2 s: 42   9.3 s: 44   ...   11.4 s: 91        (struct mark_log)
 *     stream at the end since 7.0 s: the mark of 11.4 s is 44 when 2 s have to lie behind it
 *
 * A stream that is behind has two positions of its own, which move every 2 s.
 *
 * Times are milliseconds of the hub's clock, which does not count the time that the hub stood
 * still: what was written before is not older afterwards.  Pure.  Thread: the hub's. */
#ifndef ROWCAST_FCGI_MARK_H
#define ROWCAST_FCGI_MARK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MARK_MS = 2000,      /* the age at which bytes count as received; mark_move is as often */
    MARK_TOLD_MS = 900,  /* that age when the peer says that it leaves */
    MARK_GRAIN_MS = 100, /* times closer than this count as one */
    MARK_MOMENTS = 64    /* times that are kept: more than 5 s of them */
};

/* Where the log's end stood at which time. */
struct mark_log {
    uint64_t at; /* when everything up to `end` was written to all streams at the end */
    int64_t end;
    struct {
        uint64_t at;
        int64_t end;
    } moment[MARK_MOMENTS]; /* a ring */
    uint32_t moments;       /* how many were kept so far, in all */
};

/* Begin with the first log, or with another one. */
void mark_log_begin(struct mark_log *l, uint64_t now, int64_t end);
/* The log grew, and what is new was fanned out. */
void mark_log_grew(struct mark_log *l, uint64_t now, int64_t end);

/* What each stream keeps: 24 bytes, since there are thousands of streams. */
struct mark {
    int64_t settled; /* the position that counts as received */
    uint32_t coming; /* how far beyond it the stream was at the last mark_move, at least */
    uint32_t since;  /* when it came to the log's end, where it still is; 0: it is behind */
    uint32_t wrote;  /* when bytes went out last, and the time before */
    uint32_t wrote_before;
};

/* Begin at the stream's bookmark. */
void mark_begin(struct mark *m, uint64_t now, int64_t position);
/* Bytes went out. */
void mark_wrote(struct mark *m, uint64_t now);
/* Note whether the stream has everything up to the log's end, each time after it wrote. */
void mark_stands(struct mark *m, const struct mark_log *l, uint64_t now, bool at_end);
/* Note the position of a stream.  Every MARK_MS. */
void mark_move(struct mark *m, int64_t position);

/* The mark of a stream that runs, and of one whose peer says now that it leaves. */
int64_t mark_running(const struct mark *m, const struct mark_log *l, uint64_t now);
int64_t mark_told(const struct mark *m, const struct mark_log *l, uint64_t now);

#endif
