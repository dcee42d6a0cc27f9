/* wait.c - wh_wait and wh_wake where there is nothing to wait for but wh_wake. */
#define _GNU_SOURCE
#include "session.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wh_watcher { /* a pipe: writing to one is allowed in a signal handler */
    int out, in;
};

wh_watcher *wh__watch_open(char *why, size_t why_size)
{
    int ends[2];
    wh_watcher *w = malloc(sizeof *w);
    if (w && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        *w = (wh_watcher){ends[0], ends[1]};
        return w;
    }
    snprintf(why, why_size, "%s", w ? strerror(errno) : "out of memory");
    free(w);
    return NULL;
}

void wh__watch_close(wh_watcher *w)
{
    if (!w)
        return;
    close(w->out);
    close(w->in);
    free(w);
}

void wh_wait(wh_session *s, uint32_t milliseconds)
{
    wh_watcher *w = s ? s->watch : NULL;
    struct pollfd p = {.fd = w ? w->out : -1, .events = POLLIN}; /* poll passes over -1 */
    char told[64];
    if (poll(&p, 1, milliseconds < INT_MAX ? (int)milliseconds : INT_MAX) > 0)
        while (read(p.fd, told, sizeof told) == (ssize_t)sizeof told)
            ;
}

void wh_wake(wh_session *s)
{
    const int why = errno;
    if (s && s->watch && write(s->watch->in, "", 1) < 0)
        errno = why; /* full: it is told already */
}
