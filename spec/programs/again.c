/* again.c - threads ask one field again and again for one point, as hosts do, while their meshes move, the pipeline and
 * its kernel are saved, a parameter is set, and what the kernel prepared is given up.
 * Usage: again FOLDER RELOADS THREADS. Every answer must be that of the mesh as it is, of a kernel and a file no older
 * than those that were published before the question, and of a state that nobody has released. Prints one line of
 * counts; the exit status is 0 when nothing was wrong. */
#include "whorl.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HERE 12345 /* where one of the kernels crashes */
#define NEVER 1000000
#define MESHES 4 /* more than the states that whorl keeps idle */

static wh_session *session;
static atomic_bool stop;
static atomic_ullong asked, wrong;
static atomic_int kernel, file;             /* the newest that were saved */
static atomic_int least_kernel, least_file; /* those that are known to be published */
static char folder[512];

/* value: mesh * 10000 + file * 100 + kernel, and half of it where the parameter is 2. */
static const char kernel_text[] =
    "#include \"whorl_kernel.h\"\n"
    "WH_PARAMS(field_mark,\n"
    "    float file WH_UI(1, min = 0, max = 99, doc = \"Which file\");\n"
    "    float part WH_UI(1, min = 1, max = 2, doc = \"By which it is divided\");\n"
    ")\n"
    "WH_STATE(mark, double mesh; uint32_t alive; uint32_t spare;)\n"
    "static void *prepare(const wh_host *host, const wh_geometry *g, const void *params)\n"
    "{\n"
    "    mark *m = host->alloc(host, sizeof *m);\n"
    "    (void)params;\n"
    "    if (m)\n"
    "        m->mesh = g->point_count ? g->position[0] : 0, m->alive = 77;\n"
    "    return m;\n"
    "}\n"
    "static void release(const wh_host *host, void *state)\n"
    "{\n"
    "    ((mark *)state)->alive = 0;\n"
    "    host->free(host, state);\n"
    "}\n"
    "static void field(const wh_field_job *j)\n"
    "{\n"
    "    const field_mark *p = j->params;\n"
    "    const mark *m = j->state;\n"
    "    volatile int *nowhere = 0;\n"
    "    if (j->count && j->position[0] == %d)\n"
    "        *nowhere = 1;\n"
    "    for (uint32_t i = 0; i < j->count; i++)\n"
    "        j->value[i] = m->alive == 77 ? (float)(m->mesh * 10000 + p->file * 100 + %d) / p->part : -1;\n"
    "}\n"
    "static void run(const wh_block *b)\n"
    "{\n"
    "    for (uint32_t i = 0; i < b->count; i++)\n"
    "        b->value[i] = -3;\n"
    "}\n"
    "WH_KERNEL(field_mark, .needs = WH_NEEDS_POSITIONS | WH_STATE_OF_MESH, .doc = \"Marks what it was made of\",\n"
    "          .prepare = prepare, .release = release, .run = run, .field = field,\n"
    "          .state = WH_STATE_TEXT(mark), .state_size = sizeof(mark));\n";
static const char file_text[] =
    "return pipeline \"again\" {\n"
    "  fields = { mark = field.mark { file = %d, part = expose(1, \"Part\", { id = \"part\" }) } },\n"
    "  reload { canary = false, publish = \"at-once\" },\n"
    "}\n";

static void save(const char *name, const char *format, int a, int b)
{
    char path[640], temporary[640];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(temporary, sizeof temporary, "%s/%s.tmp", folder, name);
    FILE *f = fopen(temporary, "w");
    if (!f)
        exit(2);
    fprintf(f, format, a, b);
    fclose(f);
    rename(temporary, path);
}

/* The field of a mesh of one point, at x; -2: it failed. */
static float ask(uint64_t mesh, float x)
{
    const float point[3] = {(float)mesh, 0, 0}, query[3] = {x, 0, 0};
    const wh_view view = {.size = sizeof view, .point_count = 1, .position = point, .moves = mesh};
    float out = -2;
    if (wh_field(session, "mark", &view, 0, query, 1, &out) != WH_OK)
        fprintf(stderr, "%s\n", wh_last_error());
    return out;
}

static bool is_right(float value, int mesh, int kernel_then, int file_then)
{
    const int whole = (int)value;
    return whole / 10000 == mesh && whole % 100 >= kernel_then && whole % 100 <= atomic_load(&kernel) &&
           whole / 100 % 100 >= file_then && whole / 100 % 100 <= atomic_load(&file);
}

static void *ask_again(void *context)
{
    const int offset = (int)(intptr_t)context;
    for (int turn = 0; !atomic_load(&stop); turn++) {
        const int mesh = 1 + (turn / 50 + offset) % MESHES;
        const int kernel_then = atomic_load(&least_kernel), file_then = atomic_load(&least_file);
        atomic_fetch_add(&asked, 1);
        atomic_fetch_add(&wrong, !is_right(ask((uint64_t)mesh, 0), mesh, kernel_then, file_then));
    }
    return NULL;
}

/* Polls until something was taken over, ten seconds at most. */
static bool taken_over(void)
{
    wh_event e = {.size = sizeof e};
    for (const time_t end = time(NULL) + 10; time(NULL) < end; wh_wait(session, 20)) {
        wh_poll(session);
        while (wh_next_event(session, &e))
            if (e.kind == WH_EV_RELOADED)
                return true;
    }
    return false;
}

static int reload(int i)
{
    if (i % 2)
        save("again.lua", file_text, atomic_fetch_add(&file, 1) + 1, 0);
    else
        save("mark.c", kernel_text, NEVER, atomic_fetch_add(&kernel, 1) + 1);
    if (!taken_over())
        return 1;
    atomic_store(&least_kernel, atomic_load(&kernel));
    atomic_store(&least_file, atomic_load(&file));
    return 0;
}

/* Alone: what one thread sees of a parameter, a mesh that moves, and a kernel that crashes. */
static int alone(void)
{
    const float whole = (float)(10000 + 100 * atomic_load(&file) + atomic_load(&kernel));
    int bad = 0;
    for (int i = 0; i < 3; i++)
        bad += ask(1, 0) != whole;
    wh_param_set(session, "part", (double[4]){2});
    bad += ask(1, 0) != whole / 2;
    wh_param_set(session, "part", (double[4]){1});
    bad += ask(1, 0) != whole;
    bad += ask(2, 0) != whole + 10000;
    save("mark.c", kernel_text, HERE, atomic_fetch_add(&kernel, 1) + 1);
    bad += !taken_over();
    bad += ask(1, 0) != whole + 1;
    bad += ask(1, HERE) != whole; /* the generation before it answers */
    bad += ask(1, 0) != whole;
    return bad;
}

int main(int argc, char **argv)
{
    pthread_t thread[16];
    char path[640], cache[640];
    int lost = 0;
    if (argc != 4)
        return 2;
    const int reloads = atoi(argv[2]), threads = atoi(argv[3]) < 16 ? atoi(argv[3]) : 16;
    snprintf(folder, sizeof folder, "%s", argv[1]);
    atomic_store(&kernel, 1);
    atomic_store(&file, 1);
    save("mark.c", kernel_text, NEVER, 1);
    save("again.lua", file_text, 1, 0);
    snprintf(path, sizeof path, "%s/again.lua", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    const wh_options options = {.size = sizeof options, .threads = 2, .cache_path = cache};
    if (wh_open(path, &options, &session) != WH_OK) {
        fprintf(stderr, "%s\n", wh_last_error());
        return 2;
    }
    while (wh_next_event(session, &(wh_event){.size = sizeof(wh_event)}))
        ;
    for (int i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, ask_again, (void *)(intptr_t)i);
    for (int i = 0; i < reloads; i++)
        lost += reload(i);
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    const int bad = alone();
    wh_close(session);
    printf("asked %llu wrong %llu lost %d alone %d\n", atomic_load(&asked), atomic_load(&wrong), lost, bad);
    return atomic_load(&wrong) || lost || bad;
}
