/* error.c - this thread's last failure. */
#include "error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last[2048];

wh_status wh__fail(wh_status status, const char *format, ...)
{
    char text[sizeof last];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(last, text, strlen(text) + 1);
    return status;
}

const char *wh_last_error(void)
{
    return last;
}
