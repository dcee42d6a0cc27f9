/* stress.c - many threads cook without pause while the session polls and takes over new Lua and new C, good and bad.
 * Usage: stress FOLDER RELOADS THREADS. Every cook must succeed, and give one generation's result for all its points.
 * Prints one line of counts; the exit status is 0 when nothing was wrong. */
#include "whorl.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS 5000
#define FACTOR 1000 /* deform moves x by kernel generation, y by FACTOR * Lua generation */

static wh_session *session;
static atomic_bool stop;
static atomic_ullong cooks, failures, mixtures;
static atomic_int newest_kernel, newest_file;
static char folder[512];

static void save(const char *name, const char *format, int number)
{
    char path[640], temporary[640];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(temporary, sizeof temporary, "%s/%s.tmp", folder, name);
    FILE *f = fopen(temporary, "w");
    if (!f)
        exit(2);
    fprintf(f, format, number);
    fclose(f);
    rename(temporary, path);
}

static const char kernel_text[] = "#include \"whorl_kernel.h\"\n"
                                  "WH_NO_PARAMS(deform_shift)\n"
                                  "static void deform_shift_run(const wh_block *b)\n"
                                  "{\n"
                                  "    for (uint32_t i = 0; i < b->count; i++)\n"
                                  "        b->x[i] += %d;\n"
                                  "}\n"
                                  "WH_KERNEL(deform_shift, .doc = \"Shift by a constant\", .run = deform_shift_run);\n";
static const char broken_kernel[] = "#include \"whorl_kernel.h\"\nint broken = %d +;\n";
static const char file_text[] =
    "return pipeline \"stress\" {\n"
    "  deform.shift {},\n"
    "  deform.linear { factor = expose({ 1, %d, 1 }, \"Generation\", { id = \"generation\" }) },\n"
    "  sample.inside { count = 50 },\n"
    "  fields = { near = field.ball { radius = 2 } },\n"
    "}\n";
static const char broken_file[] = "return pipeline \"stress\" { deform.shift { %d }";

static bool one_result(const float *out)
{
    for (int i = 1; i < POINTS; i++)
        if (out[i * 3] != out[0] || out[i * 3 + 1] != out[1])
            return false;
    return out[0] >= 1 && out[0] <= atomic_load(&newest_kernel) && out[1] >= 1 && out[1] <= atomic_load(&newest_file);
}

static const float box[24] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
static const uint32_t sides[36] = {0, 2, 1, 0, 3, 2, 4, 5, 6, 4, 6, 7, 0, 1, 5, 0, 5, 4,
                                   1, 2, 6, 1, 6, 5, 2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7};

static bool sample_once(void)
{
    const wh_view cube = {
        .size = sizeof cube, .point_count = 8, .triangle_count = 12, .position = box, .triangle = sides};
    wh_points p = {.size = sizeof p};
    float near[8];
    const bool ok = wh_sample(session, NULL, &cube, 0, &p) == WH_OK && p.count == 50 &&
                    wh_field(session, "near", &cube, 0, box, 8, near) == WH_OK && wh_progress(session, NULL) >= 0;
    if (!ok)
        fprintf(stderr, "%s\n", wh_last_error());
    wh_points_free(&p);
    return ok;
}

static void *cook(void *context)
{
    (void)context;
    float *in = malloc(POINTS * 12), *out = malloc(POINTS * 12);
    for (int i = 0; i < POINTS; i++)
        in[i * 3] = 0, in[i * 3 + 1] = 1, in[i * 3 + 2] = 0;
    const wh_view view = {.size = sizeof view, .point_count = POINTS, .position = in};
    for (unsigned turn = 0; !atomic_load(&stop); turn++) {
        if (wh_deform(session, &view, 0, out) != WH_OK) {
            fprintf(stderr, "%s\n", wh_last_error());
            atomic_fetch_add(&failures, 1);
        } else if (!one_result(out)) {
            atomic_fetch_add(&mixtures, 1);
        }
        if (turn % 16 == 0 && !sample_once())
            atomic_fetch_add(&failures, 1);
        atomic_fetch_add(&cooks, 1);
    }
    free(in);
    free(out);
    return NULL;
}

static int drain(int kinds[6])
{
    wh_event e = {.size = sizeof e};
    int count = 0;
    while (wh_next_event(session, &e))
        if (e.kind < 6) { /* the steps between do not answer a save */
            kinds[e.kind]++;
            count++;
        }
    return count;
}

/* Polls until something happened, ten seconds at most. */
static bool wait_for_event(int kinds[6])
{
    const time_t end = time(NULL) + 10;
    while (time(NULL) < end) {
        wh_poll(session);
        if (drain(kinds))
            return true;
        wh_wait(session, 20);
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    snprintf(folder, sizeof folder, "%s", argv[1]);
    const int reloads = atoi(argv[2]), threads = atoi(argv[3]);
    int kinds[6] = {0}, kernel = 1, file = 1, lost = 0;
    char path[640], cache[640];
    pthread_t thread[64];
    atomic_store(&newest_kernel, kernel);
    atomic_store(&newest_file, file);
    save("shift.c", kernel_text, kernel);
    save("stress.lua", file_text, file);
    snprintf(path, sizeof path, "%s/stress.lua", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    const wh_options options = {.size = sizeof options, .threads = 4, .cache_path = cache};
    if (wh_open(path, &options, &session) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 2;
    }
    drain(kinds);
    for (int i = 0; i < threads && i < 64; i++)
        pthread_create(&thread[i], NULL, cook, NULL);
    for (int i = 0; i < reloads; i++) {
        if (i % 4 == 0) {
            atomic_store(&newest_kernel, ++kernel);
            save("shift.c", kernel_text, kernel);
        } else if (i % 12 == 3) {
            save("shift.c", broken_kernel, i);
        } else if (i % 12 == 7) {
            save("stress.lua", broken_file, i);
        } else {
            atomic_store(&newest_file, ++file);
            save("stress.lua", file_text, file);
        }
        lost += !wait_for_event(kinds);
        if (wh_param_count(session) == 1 && i % 5 == 0)
            wh_param_set(session, "generation", (double[4]){1, 1, 1});
    }
    atomic_store(&stop, true);
    for (int i = 0; i < threads && i < 64; i++)
        pthread_join(thread[i], NULL);
    wh_close(session);
    printf("cooks %llu failed %llu mixed %llu reloaded %d rejected %d lost %d\n", atomic_load(&cooks),
           atomic_load(&failures), atomic_load(&mixtures), kinds[WH_EV_RELOADED], kinds[WH_EV_REJECTED], lost);
    return atomic_load(&failures) || atomic_load(&mixtures) || lost;
}
