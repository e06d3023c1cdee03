/* File descriptors: how many there may be, and whether a stream may keep one more.
 *
 * The kernel gives the lowest number that is free.  So the number of a connection that was just
 * accepted tells how full the table is, and nothing has to be counted.  The last ones are kept
 * for what comes and goes (SQLite's files, further connections): a stream on one of those is
 * told to come later, while there still is a descriptor to tell it on.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_DESCRIPTORS_H
#define ROWCAST_FCGI_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Raise the soft limit to the hard one.  The soft limit is low for the sake of programs that
 * use select(), which this one does not. */
void descriptors_raise(void);

/* The most streams that may be open at once. */
size_t descriptors_for_streams(void);

/* Whether a stream may stay on descriptor `fd`.  Costs a system call (0.1 µs). */
bool descriptors_suffice(int fd);

/* Whether the limit is so low that the files of one more store would be missed by streams. */
bool descriptors_are_few(void);

#endif
