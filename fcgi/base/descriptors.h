/* File descriptors: how many there may be, and whether a stream may keep one more.
 *
 * The kernel gives the lowest number that is free.  So the number of a connection that was just
 * accepted tells how full the table is, whoever filled it, and nothing has to be counted.  The
 * last ones are kept for what comes and goes (SQLite's files, further connections): a stream on
 * one of those is told to come later, while there still is a descriptor to tell it on.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_DESCRIPTORS_H
#define ROWCAST_FCGI_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Raise the soft limit to the hard one: the former is for people, not for us. */
void descriptors_raise(void);

/* So many streams at once, at most. */
size_t descriptors_for_streams(void);

/* Whether a stream may stay on descriptor `fd`.  Costs a system call (0.1 µs). */
bool descriptors_suffice(int fd);

/* Whether there are so few in all that those of one more store stand in the way of streams. */
bool descriptors_are_few(void);

#endif
