#include "store/sqlite/finding.h"

#include <stdarg.h>
#include <stdio.h>

void finding(struct checking *c, enum store_result r, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    c->say(c->arg, line);
    if (c->first == STORE_OK)
        c->first = r;
}
