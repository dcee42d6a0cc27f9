/* cancel.c - a cook that is cancelled while a kernel prepares leaves nothing wrong behind for the next.
 * Usage: cancel FOLDER. Exit status 0 when all is well; else a line says what is not. */
#include "whorl.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static wh_session *session;
static const float points[9] = {0, 0, 0, 1, 0, 0, 0, 1, 0};
static const uint32_t triangle[3] = {0, 1, 2};

/* Prepares by a hundred slow pieces and, as the header allows, does not ask whether all were done. */
static const char kernel_text[] = "#include \"whorl_kernel.h\"\n"
                                  "#include <stdatomic.h>\n"
                                  "#include <time.h>\n"
                                  "WH_NO_PARAMS(deform_count)\n"
                                  "static void piece(void *context, uint32_t i)\n"
                                  "{\n"
                                  "    (void)i;\n"
                                  "    nanosleep(&(struct timespec){0, 5000000}, 0);\n"
                                  "    atomic_fetch_add((atomic_int *)context, 1);\n"
                                  "}\n"
                                  "static void *prepare(const wh_host *h, const wh_geometry *m, const void *p)\n"
                                  "{\n"
                                  "    (void)m, (void)p;\n"
                                  "    atomic_int *count = h->alloc(h, sizeof *count);\n"
                                  "    atomic_init(count, 0);\n"
                                  "    h->parallel_for(h, 100, piece, count);\n"
                                  "    return count;\n"
                                  "}\n"
                                  "static void release(const wh_host *h, void *state)\n"
                                  "{\n"
                                  "    h->free(h, state);\n"
                                  "}\n"
                                  "static void run(const wh_block *b)\n"
                                  "{\n"
                                  "    for (uint32_t i = 0; i < b->count; i++)\n"
                                  "        b->x[i] = (float)atomic_load((const atomic_int *)b->state);\n"
                                  "}\n"
                                  "WH_KERNEL(deform_count, .doc = \"Pieces that were prepared\", .prepare = prepare, "
                                  ".release = release, .run = run,\n"
                                  "          .needs = WH_NEEDS_TRIANGLES);\n";

static const char file_text[] = "return pipeline \"cancel\" { deform.count {} }\n";

static void save(const char *folder, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f)
        exit(2);
    fputs(text, f);
    fclose(f);
}

static wh_status cook(float *x)
{
    const wh_view view = {
        .size = sizeof view, .point_count = 3, .triangle_count = 1, .position = points, .triangle = triangle};
    float out[9];
    const wh_status status = wh_deform(session, &view, 0, out);
    *x = out[0];
    return status;
}

static void *cook_in_thread(void *result)
{
    float x;
    *(wh_status *)result = cook(&x);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    char path[600], cache[600];
    save(argv[1], "count.c", kernel_text);
    save(argv[1], "cancel.lua", file_text);
    snprintf(path, sizeof path, "%s/cancel.lua", argv[1]);
    snprintf(cache, sizeof cache, "%s/cache", argv[1]);
    const wh_options options = {.size = sizeof options, .threads = 2, .cache_path = cache, .frozen = true};
    if (wh_open(path, &options, &session) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 2;
    }
    pthread_t thread;
    wh_status cancelled = WH_OK;
    float x = 0;
    pthread_create(&thread, NULL, cook_in_thread, &cancelled);
    usleep(60000); /* well inside its 250 ms of preparing */
    wh_cancel(session);
    const wh_status next = cook(&x); /* begun after the cancel, while the other still prepares */
    pthread_join(thread, NULL);
    if (cancelled != WH_ERR_CANCELLED)
        printf("the cancelled cook ended with %d\n", (int)cancelled);
    else if (next != WH_OK)
        printf("the next cook failed: %s\n", wh_last_error());
    else if (x != 100)
        printf("the next cook had %g of 100 pieces\n", (double)x);
    wh_close(session);
    return cancelled != WH_ERR_CANCELLED || next != WH_OK || x != 100;
}
