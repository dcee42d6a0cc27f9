/* session.c - open a pipeline, notice what was saved, publish what is good, close. */
#include "session.h"
#include <luajit.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 256
#define RANK_BUILTIN 0
#define RANK_BESIDE 1
#define RANK_PATH 2
#define LOOK_EVERY 0.5        /* seconds, when there are no directory events */
#define LONGEST_GATHERING 1.0 /* seconds that a built kernel waits for others that are being built */

/* ---- pins: what cooks hold on to ---- */

bool wh__pin(wh_session *s, wh__pinned *out)
{
    pthread_mutex_lock(&s->pin_lock);
    *out = (wh__pinned){.plan = s->plan, .settings = s->settings, .cancels = atomic_load(&s->cancels)};
    if (out->plan) {
        atomic_fetch_add(&out->plan->users, 1);
        atomic_fetch_add(&out->settings->users, 1);
    }
    pthread_mutex_unlock(&s->pin_lock);
    return out->plan;
}

static void drop_plan(wh_session *s, wh__plan *p)
{
    if (!p || atomic_fetch_sub(&p->users, 1) != 1)
        return;
    pthread_mutex_lock(&s->pin_lock);
    p->next = s->retired;
    s->retired = p;
    pthread_mutex_unlock(&s->pin_lock);
}

void wh__unpin(wh_session *s, wh__pinned *p)
{
    drop_plan(s, p->plan);
    wh__settings_drop(p->settings);
}

static void free_retired(wh_session *s)
{
    pthread_mutex_lock(&s->pin_lock);
    wh__plan *list = s->retired;
    s->retired = NULL;
    pthread_mutex_unlock(&s->pin_lock);
    for (wh__plan *next; list; list = next) {
        next = list->next;
        wh__plan_free(list);
    }
}

/* ---- attempts: a plan from files and kernels ---- */

typedef struct {
    wh_session *session;
    wh__mistakes mistakes, prints;
} attempt;

static void keep(wh__mistakes *m, const char *file, uint32_t line, const char *text)
{
    wh__mistake *grown = realloc(m->item, (m->count + 1) * sizeof *grown);
    if (!grown)
        return;
    m->item = grown;
    m->item[m->count++] = (wh__mistake){strdup(file), strdup(text), line};
}

static void free_mistakes(wh__mistakes *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->item[i].file);
        free(m->item[i].text);
    }
    free(m->item);
    *m = (wh__mistakes){NULL, 0};
}

static void keep_mistake(void *context, const char *file, uint32_t line, const char *text)
{
    keep(&((attempt *)context)->mistakes, file, line, text);
}

static void keep_print(void *context, const char *text)
{
    keep(&((attempt *)context)->prints, "", 0, text);
}

/* Only of the attempt that counts: a file may be read several times for one save. */
static void show_prints(wh_session *s, const attempt *a)
{
    for (size_t i = 0; i < a->prints.count; i++)
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s", a->prints.item[i].text);
}

static void clear_attempt(attempt *a)
{
    free_mistakes(&a->mistakes);
    free_mistakes(&a->prints);
}

/* The host may change its folder while it runs: relative paths keep the meaning that they had in wh_open. */
static void full_path(const wh_session *s, const wh__source *source, wh_path *out)
{
    if (!wh__path_join(out, s->folder.s, source->path))
        snprintf(out->s, sizeof out->s, "%s", source->path);
}

static void watch_sources(wh_session *s)
{
    for (size_t i = 0; s->watch && i < s->tried.count; i++) {
        wh_path full, real, folder;
        full_path(s, &s->tried.item[i], &full);
        snprintf(folder.s, sizeof folder.s, "%.*s.", (int)(wh__base_name(full.s) - full.s), full.s);
        wh__watch_folder(s->watch, folder.s);
        if (!wh__path_real(&real, full.s)) /* a link's own folder, and that of what it leads to */
            continue;
        snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(real.s) - real.s), real.s);
        wh__watch_folder(s->watch, folder.s);
    }
}

/* A pattern is relative to the folder of the pipeline file. */
static void add_pattern(wh_session *s, const char *pattern)
{
    const char *name = wh__base_name(pattern), *file = wh__base_name(s->file.s);
    char folder[8192];
    wh_path full;
    snprintf(folder, sizeof folder, "%.*s%.*s", (int)(file - s->file.s), s->file.s, (int)(name - pattern), pattern);
    if (!wh__path_join(&full, s->folder.s, folder) || !wh__units_folder(&s->units, full.s, folder, name, RANK_BESIDE))
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s: reload.kernels = \"%s\": no such folder", s->file.s, pattern);
}

static void take_patterns(wh_session *s, char **pattern, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pattern[i])
            add_pattern(s, pattern[i]);
        free(pattern[i]);
    }
    free(pattern);
    if (count)
        wh__units_scan(&s->units);
}

/* from_disk: read the files anew, and remember them as tried; else the texts of the plan that runs. */
static wh__plan *try_plan(wh_session *s, attempt *a, bool from_disk, wh__use use)
{
    char **pattern = NULL;
    uint32_t pattern_count = 0;
    wh__sources sources = {NULL, 0};
    wh__plan_request r = {.file = s->file.s,
                          .folder = s->folder.s,
                          .host = s->host,
                          .seed = s->seed,
                          .replay = from_disk ? NULL : &s->good,
                          .sources = &sources,
                          .pattern = &pattern,
                          .pattern_count = &pattern_count,
                          .context = a,
                          .fail = keep_mistake,
                          .print = keep_print};
    clear_attempt(a);
    r.kernel = wh__registry_list(s, use, &r.kernel_count);
    wh__plan *p = r.kernel ? wh__plan_load(&r) : NULL;
    free(r.kernel);
    take_patterns(s, pattern, pattern_count);
    if (!from_disk) {
        wh__sources_free(&sources);
        return p;
    }
    wh__sources_free(&s->tried);
    s->tried = sources;
    s->tried_failed = !p;
    watch_sources(s);
    return p;
}

/* The files as they are now become those of the plan that runs. */
static bool copy_sources(wh__sources *to, const wh__sources *from)
{
    wh__sources copy = {calloc(from->count + 1, sizeof *copy.item), 0};
    for (; copy.item && copy.count < from->count; copy.count++) {
        const wh__source *f = &from->item[copy.count];
        wh__source *t = &copy.item[copy.count];
        *t = (wh__source){strdup(f->path), f->text ? malloc(f->size + 1) : NULL, f->size};
        if (t->text)
            memcpy(t->text, f->text, f->size + 1);
    }
    wh__sources_free(to);
    *to = copy;
    return copy.item;
}

static void publish(wh_session *s, wh__plan *p, bool from_disk, wh__use use)
{
    bool *is_set;
    wh__settings *settings = wh__settings_carry(s, p, &is_set), *old_settings = s->settings;
    wh__plan *old = s->plan;
    if (!settings) {
        wh__plan_free(p);
        return;
    }
    s->revision++;
    if (from_disk) {
        copy_sources(&s->good, &s->tried);
        wh_event *e = wh__push_event(s, WH_EV_RELOADED, s->file.s, "%s", s->file.s);
        e->saved = s->saved_at;
        e->milliseconds = s->noticed_at > 0 ? (wh__now() - s->noticed_at) * 1e3 : 0;
    }
    wh__registry_commit(s, use);
    wh__params_announce(s, old, p);
    pthread_mutex_lock(&s->pin_lock);
    s->plan = p;
    s->settings = settings;
    pthread_mutex_unlock(&s->pin_lock);
    free(s->is_set);
    s->is_set = is_set;
    drop_plan(s, old);
    wh__settings_drop(old_settings);
}

static void reject(wh_session *s, const wh__mistakes *m, const char *subject)
{
    for (size_t i = 0; i < m->count; i++) {
        const wh__mistake *w = &m->item[i];
        const char *file = w->file ? w->file : s->file.s, *text = w->text ? w->text : "out of memory";
        const char *about = subject ? subject : file;
        wh_event *e = w->line ? wh__push_event(s, WH_EV_REJECTED, about, "%s:%u: %s", file, w->line, text)
                              : wh__push_event(s, WH_EV_REJECTED, about, "%s: %s", file, text);
        e->status = WH_ERR_CONFIG;
        e->line = w->line;
        e->saved = s->saved_at;
    }
}

static bool attempt_plan(wh_session *s, attempt *a, bool from_disk, wh__use use)
{
    wh__plan *p = try_plan(s, a, from_disk, use);
    if (!p)
        return false;
    show_prints(s, a);
    publish(s, p, from_disk, use);
    return true;
}

/* Each new kernel by itself, over what runs. Those that the pipeline does not load with wait for the next save. */
static void try_each(wh_session *s, attempt *a)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (!e->fresh || !e->arrived)
            continue;
        e->alone = true;
        if (!s->plan || !attempt_plan(s, a, false, WH_USE_ALONE)) {
            if (s->plan)
                reject(s, &a->mistakes, e->id);
            e->arrived = false;
        }
        e->alone = false;
    }
}

/* One transaction: the files on disk with every new kernel, or without those that wait, or with the old kernels; then
 * what runs with the new kernels, together or one by one. */
static void transact(wh_session *s, bool saved)
{
    attempt disk = {.session = s}, other = {.session = s};
    const bool fresh = wh__registry_has_fresh(s, false);
    bool loaded = false;
    if (saved || s->tried_failed || !s->plan)
        loaded = attempt_plan(s, &disk, true, WH_USE_FRESH) ||
                 (fresh && attempt_plan(s, &other, true, WH_USE_ARRIVED)) ||
                 (fresh && saved && attempt_plan(s, &other, true, WH_USE_LIVE));
    if (s->plan && wh__registry_has_fresh(s, true) && !attempt_plan(s, &other, false, WH_USE_FRESH))
        attempt_plan(s, &other, false, WH_USE_ARRIVED);
    try_each(s, &other);
    if (saved && !loaded) {
        show_prints(s, &disk);
        reject(s, &disk.mistakes, NULL);
    }
    clear_attempt(&disk);
    clear_attempt(&other);
}

/* ---- noticing ---- */

static bool same_as_tried(const wh_session *s)
{
    for (size_t i = 0; i < s->tried.count; i++) {
        const wh__source *t = &s->tried.item[i];
        size_t size = 0;
        wh_path full;
        full_path(s, t, &full);
        char *text = wh__read_file(full.s, &size);
        /* A file that is gone is not a save: it will be written again, or what ran stays. */
        const bool same = !text || (t->text && size == t->size && memcmp(text, t->text, size) == 0);
        free(text);
        if (!same)
            return false;
    }
    return true;
}

static bool is_same_file(const char *a, const char *folder, const char *name)
{
    wh_path real, other;
    if (strcmp(wh__base_name(a), name) != 0)
        return false;
    return wh__path_real(&real, a) && wh__path_join(&other, folder, name) && wh__path_real(&other, other.s)
               ? strcmp(real.s, other.s) == 0
               : true; /* it is gone: look at it */
}

static void notice_watched(wh_session *s, const char *folder, const char *name)
{
    for (uint32_t i = 0; i < s->watched_count; i++) {
        const double saved = wh__saved_time(s->watched[i]);
        if (saved <= 0 || (name ? !is_same_file(s->watched[i], folder, name) : saved == s->watched_time[i]))
            continue;
        s->watched_time[i] = saved;
        wh__event *last = s->last_event; /* one save may come as several events */
        const bool told = last && last->event.kind == WH_EV_FILE && strcmp(last->event.subject, s->watched[i]) == 0;
        wh_event *e = told ? &last->event : wh__push_event(s, WH_EV_FILE, s->watched[i], "%s: saved", s->watched[i]);
        e->saved = saved;
    }
}

/* name NULL: folders came, went or moved, and everything may have changed. */
static void notice(void *context, const char *folder, const char *name)
{
    wh_session *s = context;
    const double now = wh__now();
    if (!name && s->watch) {
        watch_sources(s);
        wh__units_rewatch(&s->units);
    }
    for (size_t i = 0; i < s->tried.count; i++) {
        wh_path full, real;
        full_path(s, &s->tried.item[i], &full);
        if (name && !is_same_file(full.s, folder, name) &&
            !(wh__path_real(&real, full.s) && is_same_file(real.s, folder, name)))
            continue;
        if (!s->file_saved)
            s->noticed_at = now;
        s->file_saved = true;
        s->saved_at = wh__saved_time(full.s);
    }
    notice_watched(s, folder, name);
    wh__units_notice(&s->units, folder, name, now);
}

static void refuse_unit(wh_session *s, const wh__take *t)
{
    wh_event *e = wh__push_event(s, WH_EV_REJECTED, t->unit->word, "%s", t->text);
    e->status = t->status;
    e->line = t->line;
    e->column = t->column;
    e->saved = t->unit->saved_at;
    e->milliseconds = t->unit->noticed_at > 0 ? (wh__now() - t->unit->noticed_at) * 1e3 : 0;
}

static void take_builds(wh_session *s)
{
    for (wh__take t; (t = wh__units_take(&s->units)).kind != WH_TAKE_NONE;) {
        if (t.kind == WH_TAKE_MODULE)
            wh__registry_offer(s, t.unit, t.module);
        else if (t.kind == WH_TAKE_REFUSED)
            refuse_unit(s, &t);
    }
}

static bool is_used(const wh_session *s, const wh__kernel *k)
{
    for (uint32_t i = 0; k && s->plan && i < s->plan->call_count; i++)
        if (s->plan->call[i]->kernel == k)
            return true;
    return false;
}

/* Whether the plan that runs would come out the same with the new kernels. */
static bool concerns_nobody(const wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && (!s->entry[i].arrived || is_used(s, s->entry[i].live)))
            return false;
    return s->plan && !s->tried_failed;
}

/* What was saved together is published together: a header may be part of many kernels. */
static bool more_to_come(const wh_session *s)
{
    double oldest = wh__now();
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].arrived && s->entry[i].arrived_at < oldest)
            oldest = s->entry[i].arrived_at;
    return wh__units_busy(&s->units) && wh__now() - oldest < LONGEST_GATHERING;
}

static void settle(wh_session *s)
{
    take_builds(s);
    wh__units_start(&s->units);
    const bool saved = s->file_saved && !same_as_tried(s), fresh = wh__registry_has_fresh(s, true);
    s->file_saved = false;
    if (!s->file.s[0] || (!saved && fresh && concerns_nobody(s)))
        wh__registry_commit(s, WH_USE_FRESH);
    else if (saved || (fresh && !more_to_come(s)))
        transact(s, saved);
}

/* Without directory events everything is looked at now and then; contents decide what changed. */
static void look_at_all(wh_session *s)
{
    if (wh__now() - s->looked_at < LOOK_EVERY)
        return;
    s->looked_at = wh__now();
    notice(s, NULL, NULL);
}

uint64_t wh_poll(wh_session *s)
{
    if (!s)
        return 0;
    free_retired(s);
    if (s->frozen)
        return s->revision;
    if (s->watch)
        wh__watch_read(s->watch, notice, s);
    else
        look_at_all(s);
    if (s->units.rescan)
        wh__units_scan(&s->units);
    wh__units_start(&s->units);
    settle(s);
    return s->revision;
}

void wh_wait(wh_session *s, uint32_t milliseconds)
{
    if (s && s->watch && !s->frozen) {
        wh__watch_wait(s->watch, milliseconds);
        return;
    }
    const struct timespec t = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&t, NULL);
}

wh_status wh_watch(wh_session *s, const char *path)
{
    wh_path real;
    if (!s || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_watch needs a session and a path");
    if (!wh__path_real(&real, path))
        return wh__fail(WH_ERR_IO, "%s: no such file", path);
    char **grown = realloc(s->watched, (s->watched_count + 1) * sizeof *grown);
    double *times = realloc(s->watched_time, (s->watched_count + 1) * sizeof *times);
    char *copy = strdup(real.s);
    if (grown)
        s->watched = grown;
    if (times)
        s->watched_time = times;
    if (!grown || !times || !copy) {
        free(copy);
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    }
    s->watched_time[s->watched_count] = wh__saved_time(real.s);
    s->watched[s->watched_count++] = copy;
    wh_path folder;
    snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(real.s) - real.s), real.s);
    if (s->watch)
        wh__watch_folder(s->watch, folder.s);
    return WH_OK;
}

/* ---- open and close ---- */

static bool from_library(wh_path *out, const char *relative)
{
    wh_path library, folder;
    if (!wh__library_path(&library))
        return false;
    snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(library.s) - library.s), library.s);
    return wh__path_join(out, folder.s, relative);
}

bool wh__include_folder(wh_path *out)
{
    return from_library(out, WHORL_INCLUDE_REL);
}

bool wh__lend_header(wh_path *out)
{
    return from_library(out, WHORL_DATA_REL "/lend.h");
}

static wh_path data_folder;

static void find_data_folder(void)
{
    if (from_library(&data_folder, WHORL_DATA_REL "/lua"))
        wh__path_real(&data_folder, data_folder.s);
}

const char *wh_data_path(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_data_folder);
    return data_folder.s;
}

const char *wh_build_info(void)
{
    return "version: " WHORL_VERSION "\ncompiler: " WHORL_BUILD_COMPILER "\nflags: " WHORL_BUILD_FLAGS
           "\nkernel flags: " WHORL_KERNEL_FLAGS "\nluajit: " LUAJIT_VERSION "\nassimp: "
#ifdef WHORL_HAVE_ASSIMP
           "yes"
#else
           "no"
#endif
        ;
}

uint32_t wh_version(void)
{
    return WH_VERSION;
}

/* Kernels that came with whorl: of each, the build for the newest instruction set that this machine has. */
static void load_builtin(void *context, const char *name)
{
    static const char *const levels[] = {"x86-64-v4", "x86-64-v3", "."};
    wh_session *s = context;
    wh_path folder, level, path;
    char word[64], why[600];
    const size_t length = strlen(name);
    if (length < 4 || length - 3 >= sizeof word || strcmp(name + length - 3, ".so") != 0)
        return;
    snprintf(word, sizeof word, "%.*s", (int)(length - 3), name);
    from_library(&folder, WHORL_KERNELS_REL);
    for (size_t i = wh__isa_level() == 4 ? 0 : wh__isa_level() == 3 ? 1 : 2; i < 3; i++) {
        if (!wh__path_join(&level, folder.s, levels[i]) || !wh__path_join(&path, level.s, name) ||
            !wh__path_real(&path, path.s))
            continue;
        const wh__unit unit = {.rank = RANK_BUILTIN};
        wh__module *m = wh__module_load(path.s, path.s, NULL, word, why, sizeof why);
        if (m)
            wh__registry_offer(s, &unit, m);
        else
            wh__push_event(s, WH_EV_REJECTED, word, "%s: %s", path.s, why)->status = WH_ERR_KERNEL;
        return;
    }
}

static void remove_stale(void *context, const char *name)
{
    const wh_session *s = context;
    const char *dot = strchr(name, '.');
    unsigned process, serial;
    int end = 0;
    wh_path path;
    if (dot && sscanf(dot, ".%u.%u.%n", &process, &serial, &end) == 2 && end > 0 && !wh__process_alive(process) &&
        wh__path_join(&path, s->cache.s, name))
        remove(path.s);
}

static bool open_cache(wh_session *s, const char *wanted)
{
    if (wanted && *wanted)
        snprintf(s->cache.s, sizeof s->cache.s, "%s", wanted);
    else if (!wh__cache_folder(&s->cache))
        return false;
    wh_path probe;
    char name[64];
    snprintf(name, sizeof name, ".probe-%u", wh__process_id());
    if (!wh__make_folders(s->cache.s) || !wh__path_real(&s->cache, s->cache.s) ||
        !wh__path_join(&probe, s->cache.s, name) || !wh__write_file(probe.s, "", 0))
        return false;
    remove(probe.s);
    return true;
}

static void add_kernel_path(wh_session *s, const char *list)
{
    uint32_t rank = RANK_PATH;
    char *copy = strdup(list ? list : ""), *rest = copy;
    for (char *folder; rest && (folder = strsep(&rest, ":"));)
        if (*folder && !wh__units_folder(&s->units, folder, folder, "", rank++))
            wh__push_event(s, WH_EV_REJECTED, folder, "%s: no such folder of kernels", folder)->status = WH_ERR_IO;
    free(copy);
}

static void build_all(wh_session *s)
{
    for (wh__units_start(&s->units); wh__units_busy(&s->units); wh__units_start(&s->units)) {
        if (s->units.running == 0)
            return; /* no thread could be had */
        wh__units_wait(&s->units);
        take_builds(s);
    }
}

static void load_kernels(wh_session *s, const wh_options *o)
{
    wh_path folder;
    if (from_library(&folder, WHORL_KERNELS_REL))
        wh__each_file(folder.s, load_builtin, s);
    wh__registry_commit(s, WH_USE_FRESH);
    add_kernel_path(s, o->kernel_path);
    wh__units_scan(&s->units);
    build_all(s);
}

/* The file itself says where more kernels are: once they are built, it is read again. */
static void load_file(wh_session *s)
{
    if (!s->file.s[0]) {
        wh__registry_commit(s, WH_USE_FRESH);
        return;
    }
    attempt a = {.session = s};
    wh__plan *p = try_plan(s, &a, true, WH_USE_FRESH);
    if (wh__units_busy(&s->units)) {
        wh__plan_free(p);
        build_all(s);
        p = try_plan(s, &a, true, WH_USE_FRESH);
    }
    show_prints(s, &a);
    if (p)
        publish(s, p, true, WH_USE_FRESH);
    else
        reject(s, &a.mistakes, NULL);
    for (uint32_t i = 0; i < s->entry_count; i++)
        s->entry[i].arrived = false; /* what could be said of them is said */
    clear_attempt(&a);
}

static wh_session *new_session(const char *file, const wh_options *o)
{
    wh_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->pin_lock, NULL);
    pthread_mutex_init(&s->warn_lock, NULL);
    wh__units_init(&s->units);
    atomic_store(&s->at_work, "");
    snprintf(s->file.s, sizeof s->file.s, "%s", file ? file : "");
    if (!wh__path_real(&s->folder, "."))
        snprintf(s->folder.s, sizeof s->folder.s, ".");
    s->host = strdup(o->host && *o->host ? o->host : "library");
    s->compiler = o->compiler ? strdup(o->compiler) : NULL;
    s->seed = o->seed;
    s->frozen = o->frozen;
    s->pool = wh__pool_new(o->threads ? o->threads : wh__core_count());
    s->units.compiler = s->compiler;
    s->units.cache = s->cache.s;
    return s;
}

static void open_watch(wh_session *s)
{
    char why[200];
    if (s->frozen)
        return;
    s->watch = s->units.watch = wh__watch_open(why, sizeof why);
    if (!s->watch)
        wh__push_event(s, WH_EV_LOG, "watch", "files are looked at twice a second: %s", why);
}

static wh_status first_mistake(const wh_session *s)
{
    for (const wh__event *e = s->first_event; e; e = e->next)
        if (e->event.kind == WH_EV_REJECTED && e->event.status == WH_ERR_CONFIG)
            return wh__fail(WH_ERR_CONFIG, "%s", e->event.text);
    return wh__fail(WH_ERR_CONFIG, "%s: it was not loaded", s->file.s);
}

wh_status wh_open(const char *lua_path, const wh_options *options, wh_session **out)
{
    const wh_options none = {.size = sizeof none}, *o = options ? options : &none;
    if (!out)
        return wh__fail(WH_ERR_ARGUMENT, "wh_open needs a place for the session");
    *out = NULL;
    if (o->size != sizeof *o)
        return wh__fail(WH_ERR_ARGUMENT, "the options have the wrong size (set options.size)");
    if (o->threads > MOST_THREADS)
        return wh__fail(WH_ERR_ARGUMENT, "%u threads are more than %d", o->threads, MOST_THREADS);
    if (lua_path && strlen(lua_path) >= sizeof(wh_path))
        return wh__fail(WH_ERR_ARGUMENT, "the path of the pipeline file is too long");
    wh_session *s = *out = new_session(lua_path, o);
    if (!s || !s->pool || !s->host) {
        *out = NULL;
        wh_close(s);
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    }
    open_watch(s);
    if (open_cache(s, o->cache_path))
        wh__each_file(s->cache.s, remove_stale, s);
    else {
        wh__push_event(s, WH_EV_LOG, "cache", "%s: the cache folder cannot be written: kernels will not be built",
                       s->cache.s);
        s->cache.s[0] = 0;
    }
    load_kernels(s, o);
    load_file(s);
    return s->plan || !s->file.s[0] ? WH_OK : first_mistake(s);
}

void wh_close(wh_session *s)
{
    if (!s)
        return;
    wh__units_free(&s->units);
    drop_plan(s, s->plan);
    wh__settings_drop(s->settings);
    free_retired(s);
    wh__registry_free(s);
    wh__pool_free(s->pool);
    wh__watch_close(s->watch);
    wh__sources_free(&s->good);
    wh__sources_free(&s->tried);
    wh__free_events(s);
    for (uint32_t i = 0; i < s->watched_count; i++)
        free(s->watched[i]);
    free(s->watched);
    free(s->watched_time);
    free(s->is_set);
    free(s->host);
    free(s->compiler);
    pthread_mutex_destroy(&s->warn_lock);
    pthread_mutex_destroy(&s->pin_lock);
    free(s);
}

/* ---- what runs ---- */

static const wh__call *stage_at(const wh_session *s, uint32_t index, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; s->plan && i < s->plan->call_count; i++) {
        if (s->plan->call[i]->role == WH_ROLE_FIELD)
            continue;
        if ((*count)++ == index)
            return s->plan->call[i];
    }
    return NULL;
}

uint32_t wh_stage_count(const wh_session *s)
{
    uint32_t count = 0;
    if (s)
        stage_at(s, UINT32_MAX, &count);
    return count;
}

wh_status wh_stage_at(const wh_session *s, uint32_t index, wh_stage_info *out)
{
    uint32_t count;
    const wh__call *c = s && out && out->size == sizeof *out ? stage_at(s, index, &count) : NULL;
    if (!c)
        return wh__fail(WH_ERR_ARGUMENT, "there is no stage %u", index);
    *out = (wh_stage_info){.size = sizeof *out,
                           .generation = c->kernel->generation,
                           .kernel = c->kernel->id,
                           .name = c->name,
                           .enabled = atomic_load(&c->enabled),
                           .milliseconds = atomic_load(&c->milliseconds)};
    return WH_OK;
}

const char *wh_plan_json(const wh_session *s)
{
    return s && s->plan ? wh__plan_json(s->plan) : "null";
}

void wh_cancel(wh_session *s)
{
    if (s)
        atomic_fetch_add(&s->cancels, 1);
}

double wh_progress(const wh_session *s, const char **what)
{
    if (what)
        *what = "";
    if (!s)
        return 1;
    const double total = (double)atomic_load(&s->work_total), done = (double)atomic_load(&s->work_done);
    if (total <= 0)
        return 1;
    if (what)
        *what = atomic_load(&s->at_work);
    return done < total ? done / total : 1;
}
