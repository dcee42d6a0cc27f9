/* latency.c - how long a save takes to become a result.
 * Usage: latency FOLDER SAVES. FOLDER/latency.lua is a pipeline of FOLDER/shift.c, which FOLDER/kernel.txt becomes with
 * a NUMBER of its own on each save: it adds that to x. A host like a viewer waits, polls, and deforms a mesh of 20000
 * points whenever the revision moved.
 * Prints a line for each save: milliseconds from the end of the rename to the first result of the new kernel, and
 * whether that was the fast tier's; to the publication of the optimised build; and what the compiler took of that. */
#include "whorl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS 20000
#define PATIENCE 10e3 /* ms */

static wh_session *session;
static const char *folder;
static char *kernel;
static float in[POINTS * 3], out[POINTS * 3];

typedef struct { /* milliseconds; 0: not yet */
    double first, full, built;
    bool fast; /* the first result */
} latency;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void die(const char *what)
{
    fprintf(stderr, "latency: %s\n", what);
    exit(2);
}

static void read_kernel(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/kernel.txt", folder);
    FILE *f = fopen(path, "r");
    kernel = calloc(1, 65536);
    if (!f || !kernel || fread(kernel, 1, 65535, f) == 0)
        die("there is no kernel.txt");
    fclose(f);
}

/* Returns when the file was there. */
static double save(int number)
{
    char path[600], temporary[600];
    snprintf(path, sizeof path, "%s/shift.c", folder);
    snprintf(temporary, sizeof temporary, "%s/shift.c.new", folder);
    FILE *f = fopen(temporary, "w");
    if (!f || fprintf(f, "#define NUMBER %d\n%s", number, kernel) < 0 || fclose(f) != 0 || rename(temporary, path) != 0)
        die("the kernel cannot be saved");
    return now_ms();
}

static void take_events(latency *l, double start)
{
    wh_event e = {.size = sizeof e};
    while (wh_next_event(session, &e)) {
        if (e.kind == WH_EV_REJECTED)
            die(e.text);
        if (e.kind != WH_EV_STEP || e.fast)
            continue;
        if (e.step == WH_STEP_BUILT)
            l->built = e.milliseconds;
        if (e.step == WH_STEP_PUBLISHED)
            l->full = now_ms() - start;
    }
}

static bool is_fast(void)
{
    wh_kernel_info k = {.size = sizeof k};
    for (uint32_t i = 0; wh_kernel_at(session, i, &k) == WH_OK; i++)
        if (strcmp(k.id, "deform.shift") == 0)
            return k.fast;
    return false;
}

static void look(latency *l, int number, double start)
{
    const wh_view view = {.size = sizeof view, .point_count = POINTS, .position = in};
    if (wh_deform(session, &view, 0, out) != WH_OK)
        die(wh_last_error());
    if (l->first > 0 || out[0] != (float)number || out[3 * POINTS - 3] != (float)number)
        return;
    l->first = now_ms() - start;
    l->fast = is_fast();
}

static latency follow(int number)
{
    latency l = {0};
    uint64_t revision = wh_poll(session);
    const double start = save(number);
    while (l.first <= 0 || l.full <= 0) {
        wh_wait(session, 100);
        const uint64_t now = wh_poll(session);
        if (now != revision)
            look(&l, number, start);
        revision = now;
        take_events(&l, start);
        if (now_ms() - start > PATIENCE)
            die("a save is lost");
    }
    return l;
}

/* What is retired after a save must not fall into the next. */
static void rest(void)
{
    latency none = {0};
    for (int i = 0; i < 5; i++) {
        wh_wait(session, 10);
        wh_poll(session);
        take_events(&none, 0);
    }
}

int main(int argc, char **argv)
{
    char path[600], cache[600];
    if (argc != 3)
        return 2;
    folder = argv[1];
    read_kernel();
    save(1);
    snprintf(path, sizeof path, "%s/latency.lua", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    const wh_options options = {.size = sizeof options, .cache_path = cache};
    if (wh_open(path, &options, &session) != WH_OK)
        die(wh_last_error());
    for (int i = 0; i < atoi(argv[2]) + 3; i++) { /* the first three warm it up */
        rest();
        const latency l = follow(i + 2);
        if (i >= 3)
            printf("first %.3f %s full %.3f built %.3f\n", l.first, l.fast ? "fast" : "optimised", l.full, l.built);
    }
    wh_close(session);
    return 0;
}
