/* canary.c - the helper process at work, from outside of a session.
 *   canary compile SOURCE OUT INCLUDE       with the fast tier
 *   canary try LIBRARY SYMBOL [SECONDS]     on a grid of 20 000 points, with parameters of zeros; SYMBOL "-": only load
 *   canary again BAD GOOD SYMBOL            bad and good by turns, with a helper killed between; then two threads
 * Prints the verdict, "signal N", "offset A", and the milliseconds of a first and of a second, warm trial. */
#define _GNU_SOURCE
#include "canary.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIDE 142 /* of the grid */

static float position[SIDE * SIDE * 3];
static uint32_t triangle[(SIDE - 1) * (SIDE - 1) * 6];

static void make_grid(void)
{
    uint32_t *t = triangle;
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        position[i * 3] = (float)(i % SIDE) / SIDE;
        position[i * 3 + 1] = (float)(i / SIDE) / SIDE;
        position[i * 3 + 2] = 0.1f * wh_sin((float)i);
    }
    for (uint32_t i = 0; i < SIDE - 1; i++)
        for (uint32_t j = 0; j < SIDE - 1; j++) {
            const uint32_t a = i * SIDE + j, two[6] = {a, a + 1, a + SIDE + 1, a, a + SIDE + 1, a + SIDE};
            memcpy(t, two, sizeof two);
            t += 6;
        }
}

static bool try_it(wh__canary *c, const char *library, const char *symbol, double seconds, wh__verdict *v)
{
    static const char zeros[65536];
    const wh__trial_mesh mesh = {
        .point_count = SIDE * SIDE, .triangle_count = sizeof triangle / 12, .position = position, .triangle = triangle};
    const wh__trial_call call = {.symbol = symbol, .params = zeros, .param_size = 64, .attribute_count = 1};
    const wh__trial t = {
        .library = library, .call = &call, .call_count = symbol[0] != '-', .mesh = &mesh, .seconds = seconds};
    return wh__canary_try(c, &t, v);
}

static int tell(wh__canary *c, const char *library, const char *symbol, double seconds)
{
    wh__verdict first, second;
    const bool good = try_it(c, library, symbol, seconds, &first);
    second = first;
    if (good)
        try_it(c, library, symbol, seconds, &second);
    printf("%s\nsignal %d\noffset %llx\nms %.3f %.3f\n", good && !first.text[0] ? "good" : first.text, first.signal,
           (unsigned long long)first.offset, first.milliseconds, second.milliseconds);
    return !good;
}

static int compile(wh__canary *c, char *source, const char *out, const char *include)
{
    char why[400] = "";
    for (int i = 0; i < 2; i++) {
        const double before = wh__now();
        const bool good = wh__canary_compile(c, &source, 1, include, out, why, sizeof why);
        printf("%s\nms %.3f\n", good ? "good" : why, (wh__now() - before) * 1e3);
        if (!good)
            return 1;
    }
    return 0;
}

typedef struct {
    wh__canary *canary;
    const char *library, *symbol;
    int wrong;
    bool expect;
} work;

static void *try_often(void *context)
{
    work *w = context;
    wh__verdict v;
    for (int i = 0; i < 20; i++)
        w->wrong += try_it(w->canary, w->library, w->symbol, 5, &v) != w->expect;
    return NULL;
}

/* The one child of this process. */
static void kill_helper(void)
{
    char text[64];
    snprintf(text, sizeof text, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(text, "re");
    int child = 0;
    if (f && fscanf(f, "%d", &child) == 1)
        kill((pid_t)child, SIGKILL);
    if (f)
        fclose(f);
    usleep(20000);
}

static int again(wh__canary *c, const char *bad, const char *good, const char *symbol)
{
    wh__verdict v;
    int wrong = 0;
    for (int i = 0; i < 5; i++) {
        wrong += !try_it(c, good, symbol, 5, &v);
        wrong += try_it(c, bad, symbol, 5, &v);
        kill_helper();
    }
    work one = {c, good, symbol, 0, true}, two = {c, bad, symbol, 0, false};
    pthread_t thread;
    pthread_create(&thread, NULL, try_often, &one);
    try_often(&two);
    pthread_join(thread, NULL);
    signal(SIGCHLD, SIG_IGN); /* as some hosts do */
    wrong += !try_it(c, good, symbol, 5, &v) + try_it(c, bad, symbol, 5, &v) + !try_it(c, good, symbol, 5, &v);
    printf("wrong %d %d %d\n", wrong, one.wrong, two.wrong);
    return 0;
}

int main(int count, char **word)
{
    wh__canary *c = wh__canary_open();
    int status = 2;
    make_grid();
    if (count == 5 && strcmp(word[1], "compile") == 0)
        status = compile(c, word[2], word[3], word[4]);
    else if (count >= 4 && strcmp(word[1], "try") == 0)
        status = tell(c, word[2], word[3], count > 4 ? atof(word[4]) : 5);
    else if (count == 5 && strcmp(word[1], "again") == 0)
        status = again(c, word[2], word[3], word[4]);
    wh__canary_close(c);
    return status;
}
