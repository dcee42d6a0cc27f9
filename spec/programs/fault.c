/* fault.c - save one kernel over a good one, cook, and say what became of it.
 * Usage: fault FOLDER FROM TO. Opens FOLDER/t.lua, cooks a point at the origin, renames FOLDER/FROM to FOLDER/TO, and
 * goes on polling and cooking until the save is settled. Prints what a point's x is before and after, and each event
 * that tells of the save: before 1 taken over: shift.c: deform.shift generation 2 rejected: shift.c:14: deform.shift:
 * SIGSEGV: it touched address 0x0 after 1 Cooks that fail, or change a coordinate that they should not, are printed
 * too. A process of its own for each fault: one that is not held ends this one, and the line "after" is missing. */
#include "whorl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS 3000 /* several blocks, so that threads help */
#define QUIET 0.5   /* seconds without an event until a kernel that was taken over counts as settled */
#define PATIENCE 20.0

static wh_session *session;
static float in[POINTS * 3], out[POINTS * 3];

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool is_told; /* what went wrong with a cook, once: a run says the same however many it makes */

static void tell(const char *when, const char *what)
{
    if (!is_told)
        printf("%s%s%s\n", when, *when ? " " : "", what);
    is_told = true;
}

static void cook(const char *when)
{
    char text[600];
    const wh_view view = {.size = sizeof view, .point_count = POINTS, .position = in};
    memset(out, 0xff, sizeof out);
    if (wh_deform(session, &view, 0, out) != WH_OK) {
        snprintf(text, sizeof text, "failed: %s", wh_last_error());
        tell(when, text);
        return;
    }
    for (int i = 0; i < POINTS; i++)
        if (!(out[i * 3] == out[0]) || out[i * 3 + 1] != 0 || out[i * 3 + 2] != 0) {
            snprintf(text, sizeof text, "wrong: point %d is %g %g %g", i, (double)out[i * 3], (double)out[i * 3 + 1],
                     (double)out[i * 3 + 2]);
            tell(when, text);
            return;
        }
    if (*when)
        printf("%s %g\n", when, (double)out[0]);
}

/* The last event that settles: what is rejected is not published any more. */
static int take_events(void)
{
    int last = 0;
    wh_event e = {.size = sizeof e};
    while (wh_next_event(session, &e)) {
        if (e.kind != WH_EV_RELOADED && e.kind != WH_EV_REJECTED && e.kind != WH_EV_LOG)
            continue;
        printf("%s: %s\n", e.kind == WH_EV_RELOADED ? "taken over" : e.kind == WH_EV_LOG ? "log" : "rejected", e.text);
        last = (int)e.kind;
    }
    return last;
}

static void follow(void)
{
    const double end = seconds_now() + PATIENCE;
    double settled = 0;
    while (seconds_now() < end && !(settled > 0 && seconds_now() > settled)) {
        wh_poll(session);
        const bool told = take_events();
        cook(""); /* which may take a while, and find what the next poll tells */
        if (told)
            settled = seconds_now() + QUIET;
        wh_wait(session, 10);
    }
    if (settled <= 0)
        printf("nothing was told\n");
}

int main(int argc, char **argv)
{
    char pipeline[600], cache[600], from[600], to[600];
    if (argc != 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(pipeline, sizeof pipeline, "%s/t.lua", argv[1]);
    snprintf(cache, sizeof cache, "%s/cache", argv[1]);
    snprintf(from, sizeof from, "%s/%s", argv[1], argv[2]);
    snprintf(to, sizeof to, "%s/%s", argv[1], argv[3]);
    const wh_options options = {.size = sizeof options, .threads = 2, .cache_path = cache};
    if (wh_open(pipeline, &options, &session) != WH_OK) {
        printf("%s\n", wh_last_error());
        return 2;
    }
    for (wh_event e = {.size = sizeof e}; wh_next_event(session, &e);)
        ;
    cook("before");
    if (rename(from, to) != 0)
        return 2;
    follow();
    cook("after");
    wh_close(session);
    printf("closed\n");
    return 0;
}
