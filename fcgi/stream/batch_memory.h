/* For batch.c and batch_builder.c alone: memory for a batch, which counts in batch_memory()
 * until its last reference is gone.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_BATCH_MEMORY_H
#define ROWCAST_FCGI_BATCH_MEMORY_H

#include "fcgi/stream/batch.h"

/* `size` bytes that begin with a struct batch.  It has one reference; the caller fills in the
 * other members.  NULL: out of memory. */
struct batch *batch_alloc(size_t size);

#endif
