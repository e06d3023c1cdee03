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
