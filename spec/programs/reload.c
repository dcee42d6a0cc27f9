/* reload.c - threads cook without pause through thousands of reloads, of which many are bad in every known way.
 * Usage: reload FOLDER RELOADS BAD_EVERY THREADS [POOL]. FOLDER/faults holds good.c, good.so, the same of every bad
 * kind, and `list` with a line "KIND NET" for each kind (spec/support/faults.lua writes them). POOL:
 * wh_options.threads.
 *
 * Most saves rename a library into the folder, now and then one is C source of a second kernel, which whorl compiles.
 * In the first half of the run the canary is on; in the second it is off, and the kinds that nothing else holds are
 * left out. Every save carries a number of its own, which the kernel adds to every point: that of a good save is one
 * above that of the good save before it, that of a bad one is below zero, so that a result says which generation made
 * it. A cook is right when all its points agree on a generation that was not older than the last that was told to be
 * live before the cook began, nor newer than the last that was saved before it ended.
 *
 * A cook that waits for another thread gives up its processor of its own will; the system counts that for each thread.
 * `waited` are the cooks that did, but for those beside a crash, which are run again. It says something with POOL 1:
 * else a cook waits for its own helpers. Prints one line of key=value; the exit status is 0 when no cook was wrong or
 * failed, no save was lost, no file stayed open, and no library stayed mapped but the live and the crashed ones. */
#define _GNU_SOURCE
#include "whorl.h"
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MOST_KINDS 64
#define MOST_THREADS 64
#define SOURCE_EVERY 53 /* no multiple of what BAD_EVERY may be, so that sources are good and bad */
#define PATIENCE 60.0   /* seconds until a save counts as lost: on a busy machine a loop is refused late */
#define FEWEST_POINTS 1500
#define MOST_POINTS 20000

typedef struct { /* a kernel of the pipeline */
    const char *word, *id;
    int axis;
    uint32_t generation;       /* the highest that was told */
    uint32_t live;             /* the last that was taken over */
    atomic_int oldest, newest; /* numbers that a result may have */
} unit;

typedef struct {
    char name[32], net[16];
    char *text, *image; /* NULL: it does not compile */
    size_t size;
} kind;

typedef struct {
    pthread_t thread;
    uint32_t points;
    unsigned long long cooks, wrong, failed, waited;
    double longest, longest_beside; /* ms; of those that a publication fell into */
} worker;

typedef struct {
    long rss;
    int mapped, files;
} measure;

static wh_session *session;
static char folder[512];
static atomic_bool stop;
static atomic_uint crashes, publications; /* crashes: odd while a kernel may crash in a cook */
static unit shift = {.word = "shift", .id = "deform.shift", .axis = 0};
static unit slide = {.word = "slide", .id = "deform.slide", .axis = 1};
static kind good, kinds[MOST_KINDS];
static int kind_count;
static int contained; /* kernels that crashed in this process, which therefore stay in memory */
static double longest_poll, longest_poll_work;

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void die(const char *what)
{
    fprintf(stderr, "reload: %s\n", what);
    exit(2);
}

/* ---- the kinds ---- */

static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *text = calloc(1, *size + 1);
    if (!text || fread(text, 1, *size, f) != *size)
        die(path);
    fclose(f);
    return text;
}

static void read_kind(kind *k)
{
    char path[640];
    size_t size;
    snprintf(path, sizeof path, "%s/faults/%s.c", folder, k->name);
    k->text = read_file(path, &size);
    snprintf(path, sizeof path, "%s/faults/%s.so", folder, k->name);
    k->image = read_file(path, &k->size);
    if (!k->text)
        die("there is a kind without its text");
}

static void read_kinds(void)
{
    char path[640];
    snprintf(path, sizeof path, "%s/faults/list", folder);
    FILE *f = fopen(path, "r");
    if (!f)
        die(path);
    for (; kind_count < MOST_KINDS; kind_count++) {
        kind *k = &kinds[kind_count];
        if (fscanf(f, "%31s %15s", k->name, k->net) != 2)
            break;
        read_kind(k);
    }
    fclose(f);
    snprintf(good.name, sizeof good.name, "good");
    read_kind(&good);
}

static bool is_held_by(const kind *k, const char *net)
{
    return strcmp(k->net, net) == 0;
}

static const kind *next_kind(bool canary)
{
    static int next;
    for (int i = 0; i < kind_count; i++) {
        const kind *k = &kinds[next++ % kind_count];
        if (canary || !is_held_by(k, "canary"))
            return k;
    }
    return NULL;
}

/* ---- saving ---- */

static void save(const char *name, const void *bytes, size_t size)
{
    char path[640], temporary[640];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(temporary, sizeof temporary, "%s/%s.new", folder, name);
    FILE *f = fopen(temporary, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0 || rename(temporary, path) != 0)
        die("a file cannot be saved");
}

/* The number stands in the library behind a mark; half a library may have none. */
static void save_library(const kind *k, int number)
{
    static const char mark[] = "whorlnumber";
    char *at = memmem(k->image, k->size, mark, sizeof mark);
    if (at)
        memcpy(at + sizeof mark, &number, sizeof number);
    save("shift.so", k->image, k->size);
}

static void replace(char *text, const char *from, const char *to) /* of one length */
{
    for (char *at = text; (at = strstr(at, from)); at += strlen(to))
        memcpy(at, to, strlen(to));
}

static void save_source(const kind *k, int number)
{
    char *text;
    if (asprintf(&text, "#define NUMBER %d\n%s", number, k->text) < 0)
        die("out of memory");
    replace(text, "shift", "slide");
    replace(text, "b->x", "b->y");
    save("slide.c", text, strlen(text));
    free(text);
}

/* The limit is long: among more threads than cores a good kernel may wait that long for its turn. */
static void save_pipeline(bool canary)
{
    char text[512];
    snprintf(text, sizeof text,
             "return pipeline \"reload\" {\n  deform.shift {},\n  deform.slide {},\n"
             "  reload { kernels = { \"*.c\", \"*.so\" }, canary = %s, publish = \"at-once\", time_limit = 1 },\n}\n",
             canary ? "true" : "false");
    save("reload.lua", text, strlen(text));
}

/* ---- cooking ---- */

static bool all_are(const float *out, uint32_t points, int axis, float value)
{
    for (uint32_t i = 0; i < points; i++)
        if (out[3 * (size_t)i + (size_t)axis] != value)
            return false;
    return true;
}

/* oldest: what it was before the cook began. */
static bool is_right(unit *u, int oldest, const float *out, uint32_t points)
{
    const float value = out[u->axis];
    return value >= (float)oldest && value <= (float)atomic_load(&u->newest) && value == (float)(int)value &&
           all_are(out, points, u->axis, value);
}

static long times_waited(void)
{
    struct rusage r;
    getrusage(RUSAGE_THREAD, &r);
    return r.ru_nvcsw;
}

static void complain(const char *what, const char *detail)
{
    static atomic_int complaints;
    if (atomic_fetch_add(&complaints, 1) < 10)
        fprintf(stderr, "%s: %s\n", what, detail);
}

static void judge(worker *w, wh_status status, const float *out, int oldest_shift, int oldest_slide)
{
    if (status != WH_OK) {
        w->failed++;
        complain("a cook failed", wh_last_error());
        return;
    }
    if (is_right(&shift, oldest_shift, out, w->points) && is_right(&slide, oldest_slide, out, w->points) &&
        all_are(out, w->points, 2, 0))
        return;
    char text[160];
    snprintf(text, sizeof text, "%g %g %g with shift %d .. %d, slide %d .. %d", (double)out[0], (double)out[1],
             (double)out[2], oldest_shift, atomic_load(&shift.newest), oldest_slide, atomic_load(&slide.newest));
    w->wrong++;
    complain("a cook is wrong", text);
}

static void cook_once(worker *w, const wh_view *view, float *out)
{
    memset(out, 0xff, w->points * 12); /* what is not written is a NaN */
    const int oldest_shift = atomic_load(&shift.oldest), oldest_slide = atomic_load(&slide.oldest);
    const unsigned crash = atomic_load(&crashes), publication = atomic_load(&publications);
    const long waits = times_waited();
    const double start = clock_ms(CLOCK_MONOTONIC);
    const wh_status status = wh_deform(session, view, 0, out);
    const double took = clock_ms(CLOCK_MONOTONIC) - start;
    const bool waited = times_waited() != waits;
    w->cooks++;
    judge(w, status, out, oldest_shift, oldest_slide);
    if (crash % 2 || crash != atomic_load(&crashes))
        return;
    w->waited += waited && w->cooks > 1; /* the first makes room for its thread */
    w->longest = took > w->longest ? took : w->longest;
    if (publication != atomic_load(&publications))
        w->longest_beside = took > w->longest_beside ? took : w->longest_beside;
}

static void *cook(void *context)
{
    worker *w = context;
    float *in = calloc(w->points, 12), *out = malloc(w->points * 12);
    const wh_view view = {.size = sizeof view, .point_count = w->points, .position = in};
    if (!in || !out)
        die("out of memory");
    while (!atomic_load(&stop))
        cook_once(w, &view, out);
    free(in);
    free(out);
    return NULL;
}

/* What runs now is exactly the last good generation of both. */
static bool is_exact(void)
{
    const float in[3] = {0, 0, 0};
    float out[3] = {-1, -1, -1};
    const wh_view view = {.size = sizeof view, .point_count = 1, .position = in};
    const wh_status status = wh_deform(session, &view, 0, out);
    if (status == WH_OK && out[0] == (float)atomic_load(&shift.oldest) && out[1] == (float)atomic_load(&slide.oldest))
        return true;
    char text[160];
    snprintf(text, sizeof text, "%g %g, not %d %d", (double)out[0], (double)out[1], atomic_load(&shift.oldest),
             atomic_load(&slide.oldest));
    complain("after a save", status == WH_OK ? text : wh_last_error());
    return false;
}

/* ---- reloading ---- */

static void poll_once(void)
{
    static uint64_t revision;
    const double start = clock_ms(CLOCK_MONOTONIC), work = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    const uint64_t now = wh_poll(session);
    const double took = clock_ms(CLOCK_MONOTONIC) - start, worked = clock_ms(CLOCK_THREAD_CPUTIME_ID) - work;
    longest_poll = took > longest_poll ? took : longest_poll;
    longest_poll_work = worked > longest_poll_work ? worked : longest_poll_work;
    if (now != revision)
        atomic_fetch_add(&publications, 1);
    revision = now;
}

static bool is_about(const wh_event *e, const unit *u)
{
    return strcmp(e->subject, u->id) == 0 || strcmp(e->subject, u->word) == 0;
}

static void note(const wh_event *e, unit *u)
{
    if (!is_about(e, u))
        return;
    if (e->generation > u->generation)
        u->generation = e->generation;
    if (e->kind == WH_EV_RELOADED)
        u->live = e->generation;
    if (e->kind == WH_EV_REJECTED)
        contained +=
            (e->generation && e->generation == u->live) || strstr(e->text, "descriptor cannot be read") != NULL;
}

static bool next_event(wh_event *e)
{
    *e = (wh_event){.size = sizeof *e};
    if (!wh_next_event(session, e))
        return false;
    note(e, &shift);
    note(e, &slide);
    return true;
}

/* Takes events until the wanted one of a generation that was not told of before. u NULL: of the pipeline file. */
static bool wait_for(uint32_t wanted, const unit *u)
{
    const uint32_t before = u ? u->generation : 0;
    const double end = clock_ms(CLOCK_MONOTONIC) + PATIENCE * 1e3;
    for (wh_event e; clock_ms(CLOCK_MONOTONIC) < end; wh_wait(session, 10)) {
        poll_once();
        while (next_event(&e)) {
            if (e.kind != wanted || (u ? !is_about(&e, u) : !strstr(e.subject, "reload.lua")))
                continue;
            if (!u || e.generation == 0 || e.generation > before)
                return true;
        }
    }
    return false;
}

static void settle(void)
{
    wh_event e;
    for (int i = 0; i < 100; i++) {
        poll_once();
        while (next_event(&e))
            ;
        wh_wait(session, 10);
    }
}

static bool reload_good(unit *u)
{
    const int number = atomic_fetch_add(&u->newest, 1) + 1;
    if (u == &slide)
        save_source(&good, number);
    else
        save_library(&good, number);
    if (!wait_for(WH_EV_RELOADED, u)) {
        complain("a good save is lost", u->id);
        return false;
    }
    atomic_store(&u->oldest, number);
    return true;
}

static bool reload_bad(unit *u, const kind *k, bool crashes_in_cook)
{
    static int number;
    number--;
    atomic_fetch_add(&crashes, crashes_in_cook);
    if (u == &slide)
        save_source(k, number);
    else
        save_library(k, number);
    const bool told = wait_for(WH_EV_REJECTED, u);
    atomic_fetch_add(&crashes, crashes_in_cook);
    if (!told)
        complain("a bad save is lost", k->name);
    return told;
}

/* ---- measuring ---- */

static int count_files(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count;
}

static long resident_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kb);
    if (f)
        fclose(f);
    return kb;
}

/* Libraries of the cache that are mapped: their lines follow each other. */
static int count_mapped(void)
{
    char line[1200], last[1200] = "", cache[640];
    int count = 0;
    snprintf(cache, sizeof cache, "%s/cache/", folder);
    FILE *f = fopen("/proc/self/maps", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *path = strstr(line, cache);
        if (!path || !strstr(path, ".so") || strcmp(path, last) == 0)
            continue;
        snprintf(last, sizeof last, "%s", path);
        count++;
    }
    if (f)
        fclose(f);
    return count;
}

static measure take_measure(void)
{
    settle();
    return (measure){resident_kb(), count_mapped(), count_files()};
}

/* ---- the run ---- */

static void open_session(uint32_t pool)
{
    char path[640], cache[640];
    atomic_store(&shift.newest, 1), atomic_store(&shift.oldest, 1);
    atomic_store(&slide.newest, 1), atomic_store(&slide.oldest, 1);
    save_library(&good, 1);
    save_source(&good, 1);
    save_pipeline(true);
    snprintf(path, sizeof path, "%s/reload.lua", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    const wh_options options = {.size = sizeof options, .threads = pool, .cache_path = cache};
    if (wh_open(path, &options, &session) != WH_OK)
        die(wh_last_error());
    settle();
}

static void add(worker *all, const worker *w)
{
    all->cooks += w->cooks, all->wrong += w->wrong, all->failed += w->failed, all->waited += w->waited;
    all->longest = w->longest > all->longest ? w->longest : all->longest;
    all->longest_beside = w->longest_beside > all->longest_beside ? w->longest_beside : all->longest_beside;
}

typedef struct { /* what became of the saves */
    int bad, lost, inexact;
    measure warm, end;
    double seconds;
} outcome;

static void turn_canary_off(outcome *o)
{
    save_pipeline(false);
    if (wait_for(WH_EV_RELOADED, NULL))
        return;
    complain("a save of the pipeline is lost", "reload.lua");
    o->lost++;
}

static void reload_once(outcome *o, int turn, int bad_every, bool canary)
{
    const kind *k = turn % bad_every == bad_every - 1 ? next_kind(canary) : NULL;
    const bool has_source = !k || strcmp(k->name, "truncated") != 0, has_library = !k || k->image;
    const bool source = !has_library || (has_source && turn % SOURCE_EVERY == SOURCE_EVERY / 2);
    const bool crash = k && !canary && is_held_by(k, "guard");
    unit *u = source ? &slide : &shift;
    o->lost += k ? !reload_bad(u, k, crash) : !reload_good(u);
    o->bad += k != NULL;
    o->inexact += !is_exact();
}

static outcome run(int reloads, int bad_every, worker *workers, int threads)
{
    outcome o = {0};
    const double start = clock_ms(CLOCK_MONOTONIC);
    for (int i = 0; i < reloads; i++) {
        if (i == reloads / 10)
            o.warm = take_measure();
        if (i == reloads / 2)
            turn_canary_off(&o);
        reload_once(&o, i, bad_every, i < reloads / 2);
    }
    o.seconds = (clock_ms(CLOCK_MONOTONIC) - start) * 1e-3;
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    o.end = take_measure();
    return o;
}

static void start_workers(worker *workers, int threads)
{
    for (int i = 0; i < threads; i++) {
        const int steps = threads > 1 ? threads - 1 : 1;
        workers[i].points = (uint32_t)(FEWEST_POINTS + (MOST_POINTS - FEWEST_POINTS) * i / steps);
        if (pthread_create(&workers[i].thread, NULL, cook, &workers[i]) != 0)
            die("no thread can be had");
    }
}

int main(int argc, char **argv)
{
    static worker workers[MOST_THREADS], all;
    const int reloads = argc > 2 ? atoi(argv[2]) : 0, bad_every = argc > 3 ? atoi(argv[3]) : 0;
    const int threads = argc > 4 ? atoi(argv[4]) : 0, pool = argc > 5 ? atoi(argv[5]) : 1;
    if (argc > 6 || reloads < 1 || bad_every < 1 || threads < 1 || threads > MOST_THREADS || pool < 1)
        die("usage: reload FOLDER RELOADS BAD_EVERY THREADS [POOL]");
    snprintf(folder, sizeof folder, "%s", argv[1]);
    read_kinds();
    open_session((uint32_t)pool);
    start_workers(workers, threads);
    const outcome o = run(reloads, bad_every, workers, threads);
    for (int i = 0; i < threads; i++)
        add(&all, &workers[i]);
    printf("reloads=%d bad=%d contained=%d cooks=%llu wrong=%llu failed=%llu lost=%d waited=%llu longest_ms=%.1f "
           "beside_publish_ms=%.1f poll_ms=%.1f poll_work_ms=%.1f rss_warm_kb=%ld rss_end_kb=%ld mapped_warm=%d "
           "mapped_end=%d files_warm=%d files_end=%d seconds=%.1f\n",
           reloads, o.bad, contained, all.cooks, all.wrong + (unsigned)o.inexact, all.failed, o.lost, all.waited,
           all.longest, all.longest_beside, longest_poll, longest_poll_work, o.warm.rss, o.end.rss, o.warm.mapped,
           o.end.mapped, o.warm.files, o.end.files, o.seconds);
    wh_close(session);
    const bool flat = o.end.files <= o.warm.files && o.end.mapped <= 2 + contained;
    return all.wrong || all.failed || o.lost || o.inexact || !flat;
}
