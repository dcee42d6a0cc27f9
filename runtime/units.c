/* units.c - find kernels in folders, notice what was saved, start builds and collect them. */
#include "error.h"
#include "hash.h"
#include "job.h"
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define COARSEST_CLOCK 0.01 /* seconds that the times of files may be behind */

/* ---- small lists of paths ---- */

void wh__list_free(char **list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

bool wh__list_add(char ***list, uint32_t *count, const char *text)
{
    char **grown = realloc(*list, (*count + 1) * sizeof *grown);
    char *copy = strdup(text);
    if (grown)
        *list = grown;
    if (!grown || !copy) {
        free(copy);
        return false;
    }
    (*list)[(*count)++] = copy;
    return true;
}

bool wh__has_ending(const char *name, const char *ending)
{
    const size_t a = strlen(name), b = strlen(ending);
    return a > b && strcmp(name + a - b, ending) == 0;
}

bool wh__folder_of(const char *path, wh_path *out)
{
    const size_t size = (size_t)(wh__base_name(path) - path);
    if (size == 0 || size >= sizeof out->s)
        return false;
    memcpy(out->s, path, size);
    out->s[size > 1 ? size - 1 : size] = 0;
    return true;
}

/* ---- finding ---- */

bool wh__is_word(const char *word)
{
    for (const char *c = word; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return false;
    return *word && !isdigit((unsigned char)*word);
}

/* The name without its ending, when that can be a word in Lua. */
static bool word_of(const char *name, const char *ending, char *word, size_t size)
{
    const size_t length = strlen(name) - strlen(ending);
    if (!wh__has_ending(name, ending) || length >= size)
        return false;
    memcpy(word, name, length);
    word[length] = 0;
    return wh__is_word(word);
}

/* Folders may hold other C files: a kernel says so by its include. */
static bool is_kernel_source(const char *path)
{
    wh_map m;
    if (!wh__map_open(path, &m))
        return false;
    const char *name = "whorl_kernel.h";
    const size_t length = strlen(name);
    bool found = false;
    for (const char *at = m.bytes; at && !found && (size_t)(m.bytes + m.size - at) >= length; at++) {
        at = memchr(at, 'w', (size_t)(m.bytes + m.size - at) - length + 1);
        if (!at)
            break;
        found = memcmp(at, name, length) == 0;
    }
    wh__map_close(&m);
    return found;
}

static void note_kernel_source(void *context, const char *name)
{
    struct {
        const char *folder;
        bool found;
    } *search = context;
    wh_path path;
    const bool source = wh__has_ending(name, ".c") || wh__has_ending(name, ".h");
    if (!search->found && source && wh__path_join(&path, search->folder, name))
        search->found = is_kernel_source(path.s);
}

static bool is_kernel_folder(const char *path)
{
    struct {
        const char *folder;
        bool found;
    } search = {path, false};
    return wh__is_folder(path) && wh__each_file(path, note_kernel_source, &search) && search.found;
}

static wh__unit *find_unit(const wh__units *u, const char *path)
{
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (strcmp(u->unit[i]->path.s, path) == 0)
            return u->unit[i];
    return NULL;
}

static void watch_part(const wh__units *u, const char *path)
{
    wh_path folder;
    if (u->watch && wh__folder_of(path, &folder))
        wh__watch_folder(u->watch, folder.s);
}

static void add_unit(wh__units *u, const wh__folder *f, const char *word, const wh_path *path, wh__unit_type type)
{
    wh__unit *unit = calloc(1, sizeof *unit);
    wh__unit **grown = realloc(u->unit, (u->unit_count + 1) * sizeof *grown);
    if (grown)
        u->unit = grown;
    if (!unit || !grown) {
        free(unit);
        return;
    }
    snprintf(unit->word, sizeof unit->word, "%s", word);
    unit->path = *path;
    if (!wh__path_join(&unit->shown, f->shown.s, wh__base_name(path->s)))
        unit->shown = *path;
    unit->type = type;
    unit->rank = f->rank;
    unit->dirty = unit->awaited = true;
    unit->origin = wh__origin_new(word, unit->shown.s, u->cache, wh__hash(path->s, strlen(path->s), 0), false);
    if (!unit->origin) {
        free(unit);
        return;
    }
    unit->noticed_at = wh__now();
    unit->saved_at = wh__saved_time(path->s);
    u->unit[u->unit_count++] = unit;
    if (type == WH_UNIT_FOLDER && u->watch)
        wh__watch_folder(u->watch, path->s);
    if (type == WH_UNIT_SOURCE)
        watch_part(u, path->s);
}

struct scan {
    wh__units *units;
    const wh__folder *folder;
};

static void scan_name(void *context, const char *name)
{
    const struct scan *s = context;
    wh_path path, other;
    char word[64], source[80];
    if (name[0] == '.' || (s->folder->pattern[0] && fnmatch(s->folder->pattern, name, 0) != 0) ||
        !wh__path_join(&path, s->folder->path.s, name) || find_unit(s->units, path.s))
        return;
    if (wh__has_ending(name, ".c")) {
        snprintf(word, sizeof word, "%.*s", (int)(strlen(name) - 2), name);
        if (is_kernel_source(path.s))
            add_unit(s->units, s->folder, word, &path, WH_UNIT_SOURCE);
    } else if (word_of(name, ".so", word, sizeof word)) {
        /* A library beside its source is somebody's build of it: the source is what is followed. */
        snprintf(source, sizeof source, "%s.c", word);
        if (!wh__path_join(&other, s->folder->path.s, source) || !is_kernel_source(other.s))
            add_unit(s->units, s->folder, word, &path, WH_UNIT_LIBRARY);
    } else if (wh__is_word(name) && strlen(name) < sizeof word && wh__is_folder(path.s)) {
        if (is_kernel_folder(path.s))
            add_unit(s->units, s->folder, name, &path, WH_UNIT_FOLDER);
        else if (s->units->watch)
            wh__watch_folder(s->units->watch, path.s); /* it may become one */
    }
}

static int compare_units(const void *a, const void *b)
{
    const wh__unit *x = *(wh__unit *const *)a, *y = *(wh__unit *const *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->path.s, y->path.s);
}

void wh__units_scan(wh__units *u)
{
    u->rescan = false;
    for (uint32_t i = 0; i < u->folder_count; i++)
        wh__each_file(u->folder[i].path.s, scan_name, &(struct scan){u, &u->folder[i]});
    if (u->unit_count)
        qsort(u->unit, u->unit_count, sizeof *u->unit, compare_units);
}

bool wh__units_folder(wh__units *u, const char *path, const char *shown, const char *pattern, uint32_t rank)
{
    wh__folder f = {.rank = rank};
    if (!wh__path_real(&f.path, path))
        return false;
    snprintf(f.pattern, sizeof f.pattern, "%s", pattern);
    snprintf(f.shown.s, sizeof f.shown.s, "%s", shown);
    for (uint32_t i = 0; i < u->folder_count; i++)
        if (strcmp(u->folder[i].path.s, f.path.s) == 0 && strcmp(u->folder[i].pattern, pattern) == 0) {
            u->folder[i].rank = rank; /* listed again: its last place counts */
            return true;
        }
    wh__folder *grown = realloc(u->folder, (u->folder_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    u->folder = grown;
    u->folder[u->folder_count++] = f;
    if (u->watch)
        wh__watch_folder(u->watch, f.path.s);
    return true;
}

/* ---- noticing ---- */

static bool is_part(const wh__unit *u, const char *folder, const char *name, const char *path)
{
    if (strcmp(u->path.s, path) == 0)
        return true;
    if (u->type == WH_UNIT_FOLDER && strcmp(u->path.s, folder) == 0)
        return wh__has_ending(name, ".c") || wh__has_ending(name, ".h");
    for (uint32_t i = 0; i < u->part_count; i++)
        if (strcmp(u->part[i], path) == 0)
            return true;
    return false;
}

static void mark(wh__unit *unit, const char *path, double now)
{
    if (!unit->dirty) {
        unit->noticed_at = now;
        unit->saved_at = wh__saved_time(path);
    }
    unit->dirty = unit->awaited = true;
    unit->crashed = 0;
    unit->chosen = false;
}

void wh__units_notice(wh__units *u, const char *folder, const char *name, double now)
{
    wh_path path;
    bool known = false;
    for (uint32_t i = 0; !name && i < u->unit_count; i++)
        mark(u->unit[i], u->unit[i]->path.s, now);
    for (uint32_t i = 0; name && wh__path_join(&path, folder, name) && i < u->unit_count; i++) {
        if (!is_part(u->unit[i], folder, name, path.s))
            continue;
        mark(u->unit[i], path.s, now);
        known = true;
    }
    u->rescan = u->rescan || !known;
}

static void add_signature(void *context, const char *name)
{
    struct {
        const char *folder;
        uint64_t sum;
    } *all = context;
    wh_path path;
    if ((wh__has_ending(name, ".c") || wh__has_ending(name, ".h")) && wh__path_join(&path, all->folder, name))
        all->sum += wh__file_signature(path.s); /* a sum: folders are listed in any order */
}

static uint64_t signature_of(const wh__unit *u)
{
    struct {
        const char *folder;
        uint64_t sum;
    } all = {u->path.s, 0};
    if (u->type == WH_UNIT_FOLDER)
        wh__each_file(u->path.s, add_signature, &all);
    uint64_t key = wh__file_signature(u->path.s) + all.sum;
    for (uint32_t i = 0; i < u->part_count; i++) {
        const uint64_t one = wh__file_signature(u->part[i]);
        key = wh__hash(&one, sizeof one, key);
    }
    return key;
}

/* A file that changes from one look to the next is being written. */
void wh__units_look(wh__units *u, double now)
{
    u->rescan = true;
    for (uint32_t i = 0; i < u->unit_count; i++) {
        wh__unit *unit = u->unit[i];
        const uint64_t signature = signature_of(unit);
        if (signature != unit->signature)
            unit->unsettled = true; /* the first look, too: contents decide what is new */
        else if (unit->unsettled) {
            unit->unsettled = false;
            mark(unit, unit->path.s, now);
        }
        unit->signature = signature;
    }
}

void wh__units_rewatch(wh__units *u)
{
    for (uint32_t i = 0; i < u->folder_count; i++)
        wh__watch_folder(u->watch, u->folder[i].path.s);
    for (uint32_t i = 0; i < u->unit_count; i++) {
        if (u->unit[i]->type == WH_UNIT_FOLDER)
            wh__watch_folder(u->watch, u->unit[i]->path.s);
        for (uint32_t k = 0; k < u->unit[i]->part_count; k++)
            watch_part(u, u->unit[i]->part[k]);
    }
}

wh__unit *wh__units_of(const wh__units *u, const wh__origin *o)
{
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (u->unit[i]->origin == o)
            return u->unit[i];
    return NULL;
}

/* ---- jobs ---- */

void wh__trial_plan_free(wh__trial_plan *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->used_count; i++) {
        wh__layout_drop(t->used[i].layout);
        free(t->used[i].params);
    }
    free(t->used);
    wh__input_drop(t->input);
    free(t);
}

void wh__take_free(wh__take *t)
{
    wh__list_free(t->diagnostic, t->diagnostic_count);
    t->diagnostic = NULL;
    t->diagnostic_count = 0;
}

static void free_job(wh__job *j)
{
    wh__list_free(j->part, j->part_count);
    wh__trial_plan_free(j->trial);
    free(j->compiler);
    free(j);
}

static void *job_thread(void *argument)
{
    wh__job *j = argument;
    wh__units *u = j->units;
    wh__job_work(j);
    pthread_mutex_lock(&u->lock);
    j->next = u->done;
    u->done = j;
    pthread_cond_signal(&u->finished);
    /* Under the lock, so that the watcher is still there: freeing waits for this job. */
    if (u->watch)
        wh__watch_wake(u->watch);
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

static bool can_run(const char *command)
{
    char program[1024];
    wh_path path;
    snprintf(program, sizeof program, "%.*s", (int)strcspn(command, " "), command);
    return program[0] && wh__find_program(&path, program);
}

/* The one that the host wants, seen or unseen; else the first of $CC, cc, gcc and clang that is there. */
static char *choose_compiler(const char *wanted)
{
    const char *known[] = {getenv("CC"), "cc", "gcc", "clang"};
    if (wanted && *wanted)
        return strdup(wanted);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] && can_run(known[i]))
            return strdup(known[i]);
    return strdup("");
}

static bool has_fast(const wh__units *u, const wh__unit *unit)
{
    return u->fast && unit->type != WH_UNIT_LIBRARY;
}

static bool wants(const wh__units *u, const wh__unit *unit, wh__job_kind kind)
{
    if (unit->busy[kind])
        return false;
    if (kind == WH_JOB_FAST)
        return unit->dirty && has_fast(u, unit);
    return has_fast(u, unit) ? unit->full_wanted && !unit->dirty : unit->dirty;
}

/* The one that was saved first: one that is saved all the time must not keep the others from their turn. */
static wh__unit *longest_waiting(const wh__units *u, wh__job_kind kind)
{
    wh__unit *first = NULL;
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (wants(u, u->unit[i], kind) && (!first || u->unit[i]->noticed_at < first->noticed_at))
            first = u->unit[i];
    return first;
}

/* Both jobs of a save go on at once, and full ones while the next text has its fast one; no more of either kind than
 * there are cores. */
wh__unit *wh__units_next(wh__units *u, wh__job_kind *kind)
{
    for (*kind = WH_JOB_FAST; *kind <= WH_JOB_FULL; ++*kind) {
        wh__unit *next = u->running[*kind] < wh__core_count() ? longest_waiting(u, *kind) : NULL;
        if (next)
            return next;
    }
    return NULL;
}

static wh__job *new_job(wh__units *u, wh__unit *unit, wh__job_kind kind, wh__trial_plan *t)
{
    wh__job *j = calloc(1, sizeof *j);
    if (!j) {
        wh__trial_plan_free(t);
        return NULL;
    }
    j->units = u;
    j->unit = unit;
    j->kind = kind;
    j->trial = t;
    j->save = unit->saves;
    /* A full job has nothing to do when both last saw this text. */
    j->known_key = kind == WH_JOB_FULL && unit->key[WH_JOB_FAST] != unit->key[WH_JOB_FULL] ? 0 : unit->key[kind];
    j->saved_at = unit->saved_at;
    j->began = wh__wall_time();
    j->held[0] = unit->live, j->held[1] = unit->pinned;
    j->compiler = choose_compiler(u->compiler);
    return j;
}

void wh__units_begin(wh__units *u, wh__unit *unit, wh__job_kind kind, wh__trial_plan *t)
{
    unit->saves += unit->dirty;
    wh__job *j = new_job(u, unit, kind, t);
    if (j && j->compiler && pthread_create(&j->thread, NULL, job_thread, j) == 0) {
        unit->dirty = false;
        unit->full_wanted = kind == WH_JOB_FAST;
        unit->busy[kind] = true;
        u->running[kind]++;
        return;
    }
    if (j)
        free_job(j);
}

bool wh__units_busy(const wh__units *u)
{
    if (u->running[WH_JOB_FAST] || u->running[WH_JOB_FULL])
        return true;
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (u->unit[i]->dirty || u->unit[i]->full_wanted)
            return true;
    return false;
}

bool wh__units_awaited(const wh__units *u)
{
    for (uint32_t i = 0; i < u->unit_count; i++)
        if (u->unit[i]->awaited)
            return true;
    return false;
}

void wh__units_wait(wh__units *u)
{
    pthread_mutex_lock(&u->lock);
    while ((u->running[WH_JOB_FAST] || u->running[WH_JOB_FULL]) && !u->done)
        pthread_cond_wait(&u->finished, &u->lock);
    pthread_mutex_unlock(&u->lock);
}

/* Saves of these were noticed before they were parts. */
static bool was_known(const wh__unit *unit, const char *path)
{
    for (uint32_t i = 0; i < unit->part_count; i++)
        if (strcmp(unit->part[i], path) == 0)
            return true;
    return strncmp(path, unit->path.s, strlen(unit->path.s)) == 0;
}

/* Listens for every part. Whether one that is new was saved since the job began: it may have read the text before. */
static bool missed_save(wh__units *u, const wh__job *j)
{
    bool missed = false;
    for (uint32_t i = 0; i < j->part_count; i++) {
        watch_part(u, j->part[i]);
        missed =
            missed || (!was_known(j->unit, j->part[i]) && wh__changed_time(j->part[i]) > j->began - COARSEST_CLOCK);
    }
    return missed;
}

/* Whether they have to be looked at again. */
static bool take_parts(wh__units *u, wh__job *j)
{
    wh__unit *unit = j->unit;
    if (j->part_count == 0)
        return false;
    const bool missed = missed_save(u, j);
    wh__list_free(unit->part, unit->part_count);
    unit->part = j->part;
    unit->part_count = j->part_count;
    j->part = NULL;
    j->part_count = 0;
    return missed;
}

static wh__job *oldest_done(wh__units *u)
{
    pthread_mutex_lock(&u->lock);
    wh__job **oldest = &u->done;
    while (*oldest && (*oldest)->next)
        oldest = &(*oldest)->next;
    wh__job *j = *oldest;
    *oldest = NULL;
    pthread_mutex_unlock(&u->lock);
    return j;
}

static uint64_t seen_key(const wh__job *j)
{
    return j->key ? j->key : j->take.key; /* of what was refused */
}

/* A full build of a text that has been saved over meanwhile is nothing to anybody, and so is a fast one that the full
 * one has overtaken. */
static bool is_stale(const wh__job *j)
{
    const wh__unit *u = j->unit;
    if (!has_fast(j->units, u))
        return false;
    return j->save == u->answered || (j->kind == WH_JOB_FULL && (u->dirty || j->save != u->saves));
}

/* The two jobs of a save found different texts: whoever saved the second may not have been noticed. */
static bool is_torn(const wh__job *j)
{
    wh__unit *u = j->unit;
    const uint64_t key = seen_key(j);
    const bool second = u->text_save == j->save, differs = second && key && u->text && key != u->text;
    u->text = second ? u->text : key;
    u->text_save = j->save;
    return has_fast(j->units, u) && j->save == u->saves && differs;
}

/* What the fast tier let through and the compiler refused is nothing to go back to. */
static void drop_stale(wh__job *j, wh__take *t)
{
    wh__unit *u = j->unit;
    const bool refused = j->save == u->answered && u->key[WH_JOB_FULL] == 0 && u->text == j->key;
    if (t->module && j->kind == WH_JOB_FAST && refused)
        wh__history_mark(&u->origin->history, t->module->generation, WH_RECORD_REFUSED,
                         "its optimised build was refused");
    wh__module_drop(t->module);
    wh__take_free(t);
    *t = (wh__take){.kind = WH_TAKE_UNCHANGED, .unit = u};
    if (j->kind == WH_JOB_FULL && j->save != u->answered)
        u->full_wanted = true; /* should the newer text turn out to be the same */
}

static void settle_unit(wh__unit *u, const wh__job *j)
{
    const wh__take *t = &j->take;
    const bool fast = t->kind == WH_TAKE_LATER || (t->kind == WH_TAKE_MODULE && t->module->fast);
    u->key[j->kind] = j->key;
    if (t->kind != WH_TAKE_UNCHANGED && !fast) { /* it is all that there is to say of this save */
        u->key[WH_JOB_FAST] = u->key[WH_JOB_FULL] = j->key;
        u->answered = j->save;
        u->full_wanted = false;
    }
    if (t->kind != WH_TAKE_LATER && !u->dirty)
        u->awaited = false;
}

wh__take wh__units_take(wh__units *u)
{
    wh__job *j = oldest_done(u);
    if (!j)
        return (wh__take){.kind = WH_TAKE_NONE};
    pthread_join(j->thread, NULL);
    u->running[j->kind]--;
    j->unit->busy[j->kind] = false;
    wh__take t = j->take;
    t.unit = j->unit;
    const bool torn = is_torn(j);
    bool again = torn;
    if (torn || is_stale(j)) {
        drop_stale(j, &t);
    } else {
        again = take_parts(u, j);
        settle_unit(j->unit, j);
    }
    if (again)
        j->unit->dirty = j->unit->awaited = true;
    free_job(j);
    return t;
}

void wh__units_init(wh__units *u)
{
    pthread_mutex_init(&u->lock, NULL);
    pthread_cond_init(&u->finished, NULL);
}

void wh__units_free(wh__units *u)
{
    for (; u->running[WH_JOB_FAST] || u->running[WH_JOB_FULL]; wh__units_wait(u))
        for (wh__take t; (t = wh__units_take(u)).kind != WH_TAKE_NONE;) {
            wh__module_drop(t.module);
            wh__take_free(&t);
        }
    for (uint32_t i = 0; i < u->unit_count; i++) {
        wh__list_free(u->unit[i]->part, u->unit[i]->part_count);
        wh__origin_drop(u->unit[i]->origin);
        free(u->unit[i]);
    }
    free(u->unit);
    free(u->folder);
    pthread_cond_destroy(&u->finished);
    pthread_mutex_destroy(&u->lock);
}
