/* The hub takes parts of a ticket for its stream and leaves empty ones behind, so the rest can
 * be freed in this one way, whether the stream began or not. */
#include "fcgi/stream/ticket.h"

#include <stdlib.h>
#include <unistd.h>

void ticket_free(struct ticket *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    buffer_free(&t->prologue);
    cursor_end(&t->cursor);
    free(t->ending);
    free(t);
}
