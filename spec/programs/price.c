/* price.c - what it costs to call a kernel through whorl rather than directly.
 * Usage: price FOLDER LIBRARY [unguarded]. FOLDER/one.lua and FOLDER/many.lua are pipelines of 1 and STAGES empty
 * kernels, LIBRARY holds the same empty kernel, deform_empty. Prints nanoseconds: cook_ns for wh_deform on one point,
 * call_ns for a direct call of run(), and block_ns for each further call of a kernel that a cook of a million points
 * makes, read from the difference of the two pipelines, so that moving the points in and out does not count. Rounds
 * take turns within a few milliseconds. The first three figures are medians of the rounds, with all that others on the
 * machine do meanwhile; those that begin with best_ come from the quickest quarter of the rounds of each series, by its
 * median: the price itself, as near as a shared machine shows it. */
#include "whorl.h"
#include "whorl_kernel.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STAGES 33
#define POINTS 1000000
#define ROUNDS 201
#define COOKS 10000 /* of one point, in a round */

static float *in, *out;
static wh_view view;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "price: %s\n", what);
    exit(2);
}

static wh_session *open_pipeline(const char *folder, const char *name, bool unguarded)
{
    char path[600], cache[600];
    wh_session *s;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    const wh_options options = {.size = sizeof options, .threads = 1, .cache_path = cache, .unguarded = unguarded};
    if (wh_open(path, &options, &s) != WH_OK)
        die(wh_last_error());
    for (int i = 0; i < 100; i++) { /* until the optimised build is there, and nothing more happens */
        wh_poll(s);
        wh_wait(s, 10);
    }
    return s;
}

static double cook_ns(wh_session *s, uint32_t points, int cooks)
{
    view.point_count = points;
    const double start = now_ns();
    for (int i = 0; i < cooks; i++)
        if (wh_deform(s, &view, 0, out) != WH_OK)
            die(wh_last_error());
    return (now_ns() - start) / cooks;
}

static double call_ns(const wh_kernel *k)
{
    void (*const volatile run)(const wh_block *) = k->run;
    const wh_block block = {.size = sizeof block, .count = 1, .x = out, .y = out + 1, .z = out + 2};
    const double start = now_ns();
    for (int i = 0; i < COOKS; i++)
        run(&block);
    return (now_ns() - start) / COOKS;
}

static const wh_kernel *load(const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const wh_kernel *k = handle ? dlsym(handle, "wh_kernel_deform_empty") : NULL;
    if (!k)
        die("the library does not load");
    return k;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value that so much of the list is below; it is sorted then. */
static double quantile(double *list, double share)
{
    qsort(list, ROUNDS, sizeof *list, compare);
    return list[(int)(share * ROUNDS)];
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4)
        return 2;
    const bool unguarded = argc == 4;
    wh_session *one = open_pipeline(argv[1], "one.lua", unguarded),
               *many = open_pipeline(argv[1], "many.lua", unguarded);
    const wh_kernel *k = load(argv[2]);
    in = calloc(POINTS, 12), out = calloc(POINTS, 12);
    if (!in || !out)
        die("out of memory");
    view = (wh_view){.size = sizeof view, .position = in};
    const double blocks = (STAGES - 1) * ((POINTS + WH_BLOCK - 1) / WH_BLOCK);
    double cook[ROUNDS], call[ROUNDS], few[ROUNDS], all[ROUNDS], block[ROUNDS];
    cook_ns(one, POINTS, 3);
    cook_ns(many, POINTS, 3);
    for (int i = 0; i < ROUNDS; i++) {
        cook[i] = cook_ns(one, 1, COOKS);
        call[i] = call_ns(k);
        few[i] = cook_ns(one, POINTS, 1);
        all[i] = cook_ns(many, POINTS, 1);
        block[i] = (all[i] - few[i]) / blocks;
    }
    const double middle = 0.5, best = 0.125;
    printf("cook_ns=%.1f call_ns=%.2f block_ns=%.2f ", quantile(cook, middle), quantile(call, middle),
           quantile(block, middle));
    printf("best_cook_ns=%.1f best_call_ns=%.2f best_block_ns=%.2f\n", quantile(cook, best), quantile(call, best),
           (quantile(all, best) - quantile(few, best)) / blocks);
    wh_close(one);
    wh_close(many);
    return 0;
}
