/* Between batch.c and batch_builder.c alone: room for a batch, counted in batch_memory() until
 * its last reference is gone.
 *
 * Thread: any. */
#ifndef ROWCAST_FCGI_BATCH_MEMORY_H
#define ROWCAST_FCGI_BATCH_MEMORY_H

#include "fcgi/stream/batch.h"

/* `size` bytes that begin with a struct batch of one reference, whose other members are for the
 * caller to fill; NULL: out of memory. */
struct batch *batch_alloc(size_t size);

#endif
