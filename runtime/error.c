/* error.c - this thread's last failure. */
#include "error.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 2048

/* Not a thread-local array: beside thread.c's pointer, which must be fast, the loader would have to find room for all
 * of it in memory that is set aside when a program starts, and there is little of that. */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static void make_key(void)
{
    has_key = pthread_key_create(&key, free) == 0;
}

/* When the library is unloaded, threads that live on must not call its destructors. */
__attribute__((destructor)) static void delete_key(void)
{
    if (!has_key)
        return;
    free(pthread_getspecific(key));
    pthread_key_delete(key);
    has_key = false;
}

static char *buffer(void)
{
    pthread_once(&once, make_key);
    char *text = has_key ? pthread_getspecific(key) : NULL;
    if (!text && has_key && (text = calloc(1, LONGEST)) && pthread_setspecific(key, text) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

wh_status wh__fail(wh_status status, const char *format, ...)
{
    char text[LONGEST], *last = buffer();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (last)
        memcpy(last, text, strlen(text) + 1);
    return status;
}

const char *wh_last_error(void)
{
    const char *last = has_key ? pthread_getspecific(key) : NULL;
    return last ? last : "";
}
