/* What the load generator was asked to do.
 *
 *     bench --url HOST:PORT/PATH | --fastcgi SOCKET   where the streams are
 *           --db PATH [--normal] | --token TOKEN      publish by INSERT, or by POST
 *           [--publishers N --db PATH --token TOKEN [--compare]]   publish, without streams
 *           [--streams N] [--missed ROWS] [--idle SECONDS]
 *           [--rows N] [--every MS] [--batch ROWS] [--size BYTES]
 *           [--pid NAME=PID]... [--hup PID]
 */
#ifndef ROWCAST_BENCH_OPTIONS_H
#define ROWCAST_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESSES_MAX = 8 };

struct process {
    char name[32];
    pid_t pid;
};

struct options {
    char host[64], port[8]; /* --url; host "" with --fastcgi */
    char path[256];         /* of the stream, with its query */
    const char *socket;     /* --fastcgi */
    const char *db;         /* rows are inserted here */
    const char *token;      /* rows are posted, with this publish_token */
    bool normal;            /* synchronous=NORMAL; SQLite's own default is FULL */
    long streams;
    long burst;    /* streams that may be connecting at the same time */
    long missed;   /* rows published before the streams connect, which they resume */
    long rows;     /* rows published after they connected */
    double every;  /* ms between two rows; 0: as fast as they are taken */
    long batch;    /* rows a transaction */
    long size;     /* bytes of data a row, at least */
    double idle;   /* s to do nothing once all are connected */
    long patience; /* s without any progress after which the run is given up */
    pid_t hup;     /* gets SIGHUP when publishing starts, and each stream has to return; or 0 */
    long publishers; /* no streams: so many publishers post the rows; or 0 */
    bool compare;    /* and SQLite commits as many one by one */
    struct process process[PROCESSES_MAX];
    size_t process_count;
};

/* Read the command line.  False: it was wrong or asked for help, and the usage was printed. */
bool options_read(struct options *o, int argc, char **argv);

#endif
