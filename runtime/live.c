/* live.c - notice what was saved, try what was built, publish what is good. */
#include "session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RANK_BESIDE 1
#define RANK_PATH 2
#define LOOK_EVERY 0.25       /* seconds, without directory events */
#define LONGEST_GATHERING 1.0 /* seconds that a built kernel waits for others that are being built */
#define LONGEST_FRAME 0.1     /* seconds that a kernel waits for cooks to pause */

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

/* ---- publishing ---- */

static void adopt_states(wh_session *s, const wh__plan *p)
{
    for (uint32_t i = 0; i < p->call_count; i++) {
        wh__kernel *k = p->call[i]->kernel;
        const wh__entry *e = wh__registry_find(s, k->id);
        if (e && e->live && e->fresh == k)
            wh__states_adopt(k, e->live);
    }
}

static void choose_watch(wh_session *s)
{
    const wh__scene *scene = wh__scene_of(s);
    const wh_watch_mode mode = scene && scene->plan ? scene->plan->reload.watch : WH_WATCH_AUTO;
    bool far = wh__is_network_folder(s->file.s[0] ? s->file.s : s->folder.s);
    for (uint32_t i = 0; i < s->units.folder_count && !far; i++)
        far = wh__is_network_folder(s->units.folder[i].path.s);
    s->looks = !s->watch || mode == WH_WATCH_POLL || (mode == WH_WATCH_AUTO && far);
}

typedef struct {
    bool from_disk; /* the plan is that of the files as they are now */
    bool quiet;     /* results do not change: the same generation, better built */
    wh__use use;
} publishing;

/* With on_error = "fail": whether something of this plan is still to be mended. */
static bool is_refused(const wh_session *s, const wh__plan *p)
{
    for (uint32_t i = 0; i < p->call_count; i++) {
        const wh__unit *u = wh__units_of(&s->units, p->call[i]->kernel->module->origin);
        if (u && u->refused)
            return true;
    }
    return s->tried_failed;
}

/* Why cooks go on failing with this plan, too; NULL: they do not. */
static const char *failure_of(const wh_session *s, const wh__scene *scene, const wh__plan *p)
{
    const bool fails = p->reload.on_error == WH_ON_ERROR_FAIL && is_refused(s, p);
    return scene && (fails || wh__plan_crashed(p)) ? scene->failure : NULL;
}

static bool publish(wh_session *s, wh__plan *p, publishing how)
{
    bool *is_set;
    const wh__scene *scene = wh__scene_of(s);
    const wh__plan *old = scene ? scene->plan : NULL;
    const char *failure = failure_of(s, scene, p);
    wh__settings *settings = wh__settings_carry(s, p, &is_set);
    if (!settings) {
        wh__plan_drop(p);
        return false;
    }
    adopt_states(s, p);
    if (!wh__scene_publish(s, p, settings, failure ? scene->status : WH_OK, failure)) {
        free(is_set);
        return false;
    }
    s->revision += !how.quiet || (scene && scene->failure);
    if (how.from_disk) {
        copy_sources(&s->good, &s->tried);
        wh_event *e = wh__push_event(s, WH_EV_RELOADED, s->file.s, "%s", s->file.s);
        e->saved = s->saved_at;
        e->milliseconds = s->noticed_at > 0 ? (wh__now() - s->noticed_at) * 1e3 : 0;
    }
    wh__registry_commit(s, how.use);
    wh__params_announce(s, old, p); /* the old plan is there until the next sweep */
    free(s->is_set);
    s->is_set = is_set;
    atomic_store(&s->wants_input, !s->frozen);
    choose_watch(s);
    return true;
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

/* A kernel that the plan uses has crashed before, and is not what runs now. */
static bool keep_crashed(wh_session *s, attempt *a, const wh__plan *p)
{
    const wh__scene *scene = wh__scene_of(s);
    for (uint32_t i = 0; i < p->call_count; i++) {
        const wh__kernel *k = p->call[i]->kernel;
        char file[512], text[200];
        uint32_t line = 0;
        if (!atomic_load(&k->module->bad) || (scene && scene->failure) || wh__scene_has_crash(s))
            continue;
        snprintf(file, sizeof file, "%s", p->call[i]->at);
        char *colon = strrchr(file, ':');
        if (colon && sscanf(colon, ":%u", &line) == 1)
            *colon = 0;
        snprintf(text, sizeof text, "%s generation %u crashed (mend its source)", k->id, k->module->generation);
        keep(&a->mistakes, file, line, text);
        return true;
    }
    return false;
}

/* What loads and cannot be published, since a kernel crashed at this moment, is tried again. */
static bool attempt_plan(wh_session *s, attempt *a, bool from_disk, wh__use use)
{
    wh__plan *p = try_plan(s, a, from_disk, use);
    if (!p)
        return false;
    show_prints(s, a);
    if (keep_crashed(s, a, p)) {
        s->tried_failed = s->tried_failed || from_disk;
        wh__plan_drop(p);
        return false;
    }
    const bool ok = publish(s, p, (publishing){.from_disk = from_disk, .use = use});
    s->again = s->again || !ok;
    return ok;
}

static void mistake_text(const wh_session *s, const attempt *a, char *why, size_t size)
{
    const wh__mistake *m = a->mistakes.count ? &a->mistakes.item[0] : NULL;
    const char *file = m && m->file ? m->file : s->file.s;
    if (!m || !m->text)
        snprintf(why, size, "%s: it was not loaded", file);
    else if (m->line)
        snprintf(why, size, "%s:%u: %s", file, m->line, m->text);
    else
        snprintf(why, size, "%s: %s", file, m->text);
}

/* With on_error = "fail", what is wrong stands in the way of every cook until it is mended. */
static void fail_cooks(wh_session *s, wh_status status, const char *text)
{
    const wh__scene *scene = wh__scene_of(s);
    if (!scene || !scene->plan || scene->plan->reload.on_error != WH_ON_ERROR_FAIL)
        return;
    wh__plan_keep(scene->plan);
    atomic_fetch_add(&scene->settings->users, 1);
    s->revision += wh__scene_publish(s, scene->plan, scene->settings, status, text);
}

static const wh__plan *plan_of(const wh_session *s)
{
    const wh__scene *scene = wh__scene_of(s);
    return scene ? scene->plan : NULL;
}

/* Each new kernel by itself, over what runs. Those that the pipeline does not load with wait for the next save. */
static void try_each(wh_session *s, attempt *a)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (!e->fresh || !e->arrived || e->held)
            continue;
        e->alone = true;
        if (!plan_of(s) || !attempt_plan(s, a, false, WH_USE_ALONE)) {
            if (plan_of(s))
                reject(s, &a->mistakes, e->id);
            e->arrived = s->again;
        }
        e->alone = false;
    }
}

/* One transaction: the files on disk with every new kernel, or without those that wait, or with the old kernels; then
 * what runs with the new kernels, together or one by one. */
static void transact(wh_session *s, bool saved)
{
    char why[5000];
    attempt disk = {.session = s}, other = {.session = s};
    const bool fresh = wh__registry_has_fresh(s, false);
    bool loaded = false;
    if (saved || s->tried_failed || !plan_of(s))
        loaded = attempt_plan(s, &disk, true, WH_USE_FRESH) ||
                 (fresh && attempt_plan(s, &other, true, WH_USE_ARRIVED)) ||
                 (fresh && saved && attempt_plan(s, &other, true, WH_USE_LIVE));
    if (plan_of(s) && wh__registry_has_fresh(s, true) && !attempt_plan(s, &other, false, WH_USE_FRESH))
        attempt_plan(s, &other, false, WH_USE_ARRIVED);
    try_each(s, &other);
    if (saved && !loaded) {
        show_prints(s, &disk);
        reject(s, &disk.mistakes, NULL);
        mistake_text(s, &disk, why, sizeof why);
        fail_cooks(s, WH_ERR_CONFIG, why);
    }
    clear_attempt(&disk);
    clear_attempt(&other);
}

/* ---- kernels that fit where the old ones were ---- */

static bool same_interface(const wh__kernel *a, const wh__kernel *b)
{
    return strcmp(a->desc.params, b->desc.params) == 0 && a->desc.param_size == b->desc.param_size;
}

static bool is_better_build(const wh__entry *e)
{
    return e->live && e->fresh && e->live->module->origin == e->fresh->module->origin &&
           e->live->module->generation == e->fresh->module->generation;
}

/* The plan that runs with every arrived kernel in the place of its elder; NULL: Lua has to have a look. */
static wh__plan *plan_with_arrived(wh_session *s, bool *better_only)
{
    const wh__plan *p = plan_of(s);
    wh__plan *now = NULL;
    *better_only = true;
    for (uint32_t i = 0; p && i < s->entry_count; i++) {
        const wh__entry *e = &s->entry[i];
        if (!e->fresh || !e->arrived || e->held)
            continue;
        *better_only = *better_only && is_better_build(e);
        if (!e->live || !same_interface(e->live, e->fresh)) {
            wh__plan_drop(now);
            return NULL;
        }
        if (!wh__plan_uses(now ? now : p, e->live->module))
            continue;
        wh__plan *next = wh__plan_rebind(now ? now : p, e->live->module, e->fresh->module);
        wh__plan_drop(now);
        if (!next)
            return NULL;
        now = next;
    }
    return now;
}

static bool swap_arrived(wh_session *s)
{
    bool better_only;
    wh__plan *p = plan_with_arrived(s, &better_only);
    if (p && s->tried_failed && !better_only) { /* the files may load now */
        wh__plan_drop(p);
        return false;
    }
    return p && publish(s, p, (publishing){.quiet = better_only, .use = WH_USE_ARRIVED});
}

/* Whether a kernel that waits was meant to run by now. */
static bool may_go_live(wh_session *s, wh__entry *e)
{
    if (e->refused)
        return false;
    if (is_better_build(e) || e->publish == WH_PUBLISH_AT_ONCE || !plan_of(s))
        return true;
    if (e->publish == WH_PUBLISH_BETWEEN_FRAMES)
        return !wh__scene_is_cooking(s) || wh__now() - e->arrived_at > LONGEST_FRAME;
    if (!s->by_hand && !e->told) {
        e->told = true;
        wh_event *event = wh__push_event(s, WH_EV_READY, e->id, "%s: %s generation %u is ready", e->path, e->id,
                                         e->fresh->module->generation);
        event->generation = e->fresh->module->generation;
        event->saved = e->saved_at;
    }
    return s->by_hand;
}

static void hold_back(wh_session *s)
{
    s->holds = false;
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        e->held = e->fresh && !may_go_live(s, e);
        s->holds = s->holds || (e->held && e->publish == WH_PUBLISH_BETWEEN_FRAMES);
    }
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

static uint64_t tried_signature(const wh_session *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->tried.count; i++) {
        wh_path full;
        full_path(s, &s->tried.item[i], &full);
        sum = sum * 31 + wh__file_signature(full.s);
    }
    return sum;
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

static void tell_watched(wh_session *s, uint32_t i, double saved)
{
    wh__event *last = s->last_event; /* one save may come as several events */
    const bool told = last && last->event.kind == WH_EV_FILE && strcmp(last->event.subject, s->watched[i]) == 0;
    wh_event *e = told ? &last->event : wh__push_event(s, WH_EV_FILE, s->watched[i], "%s: saved", s->watched[i]);
    e->saved = s->watched_time[i] = saved;
}

static void notice_watched(wh_session *s, const char *folder, const char *name)
{
    for (uint32_t i = 0; i < s->watched_count; i++) {
        const double saved = wh__saved_time(s->watched[i]);
        if (saved > 0 && (name ? is_same_file(s->watched[i], folder, name) : saved != s->watched_time[i]))
            tell_watched(s, i, saved);
    }
}

/* A file that was written a moment ago may still be. */
static void look_at_watched(wh_session *s)
{
    for (uint32_t i = 0; i < s->watched_count; i++) {
        const double saved = wh__saved_time(s->watched[i]);
        if (saved > 0 && saved != s->watched_time[i] && wh__wall_time() - saved > LOOK_EVERY)
            tell_watched(s, i, saved);
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

/* Without directory events everything is looked at now and then; what changes from one look to the next is being
 * written, and waits. */
static void look_at_all(wh_session *s)
{
    const double now = wh__now();
    if (now - s->looked_at < LOOK_EVERY)
        return;
    s->looked_at = now;
    wh__units_look(&s->units, now);
    const uint64_t signature = tried_signature(s);
    if (signature != s->tried_signature) {
        s->unsettled = true;
    } else if (s->unsettled) {
        s->unsettled = false;
        s->file_saved = true;
        s->noticed_at = now;
        s->saved_at = wh__wall_time();
    }
    s->tried_signature = signature;
    look_at_watched(s);
}

/* ---- builds ---- */

static void copy_used(wh__trial_plan *t, const unsigned char *value, const wh__call *c)
{
    wh__used *grown = realloc(t->used, (t->used_count + 1) * sizeof *grown);
    const uint32_t size = c->kernel->layout->size;
    void *params = malloc(size + 1);
    if (grown)
        t->used = grown;
    if (!grown || !params) {
        free(params);
        return;
    }
    memcpy(params, value + c->params, size);
    t->used[t->used_count++] = (wh__used){c->kernel->id, wh__layout_keep(c->kernel->layout), params};
}

/* The parameters with which the pipeline calls the kernels of a unit, as the host has set them. */
static void note_used(wh_session *s, const wh__unit *unit, wh__trial_plan *t)
{
    const wh__scene *scene = wh__scene_of(s);
    const wh__plan *p = scene ? scene->plan : NULL;
    unsigned char *value = p ? malloc(p->value_size + 16) : NULL;
    if (!value)
        return;
    memcpy(value, p->value, p->value_size);
    for (uint32_t i = 0; i < p->patch_count; i++)
        if (!p->patch[i].function)
            wh__apply_patch(value, &p->patch[i], scene->settings->value[p->patch[i].index]);
    for (uint32_t i = 0; i < p->call_count; i++)
        if (strcmp(p->call[i]->kernel->module->origin->word, unit->word) == 0)
            copy_used(t, value, p->call[i]);
    free(value);
}

static const char *kernel_of(const wh_session *s, const wh__unit *unit)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].live && s->entry[i].live->module->origin == unit->origin)
            return s->entry[i].id;
    return unit->word;
}

static void decide(wh_session *s, wh_change *change)
{
    char why[600];
    wh__plan_decide((wh__plan *)plan_of(s), change, why, sizeof why);
    if (why[0])
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s", why);
}

static wh__trial_plan *plan_trial(wh_session *s, const wh__unit *unit)
{
    const wh__plan *p = plan_of(s);
    wh__trial_plan *t = s->frozen ? NULL : calloc(1, sizeof *t);
    if (!t)
        return NULL;
    wh_change change = {.step = WH_CHANGE_SAVED, .kernel = kernel_of(s, unit), .params = ""};
    decide(s, &change);
    t->mode = change.canary;
    t->seconds = p ? p->reload.time_limit : 0;
    t->keep = p ? p->reload.keep : 0;
    t->input = wh__inputs_last(&s->inputs);
    note_used(s, unit, t);
    return t;
}

static void start_jobs(wh_session *s)
{
    wh__job_kind kind;
    for (wh__unit *u; (u = wh__units_next(&s->units, &kind));) {
        const bool first = u->dirty;
        const uint32_t running = s->units.running[kind];
        if (first && u->noticed_at > 0)
            wh__push_step(s, WH_STEP_NOTICED, u->shown.s, NULL,
                          u->saved_at > 0 ? fmax(0, (wh__wall_time() - u->saved_at) * 1e3) : 0);
        wh__units_begin(&s->units, u, kind, plan_trial(s, u));
        if (s->units.running[kind] == running)
            return; /* no thread could be had */
    }
}

static void tell_steps(wh_session *s, const wh__take *t)
{
    if (t->kind != WH_TAKE_MODULE)
        return;
    for (int step = WH_STEP_BUILT; step <= WH_STEP_CANARY; step++)
        if (t->step[step] > 0)
            wh__push_step(s, (wh_reload_step)step, t->module->kernel[0].id, t->module, t->step[step]);
}

static void tell_diagnostics(wh_session *s, const wh__take *t)
{
    for (uint32_t i = 0; i < t->diagnostic_count; i++) {
        const char *text = t->diagnostic[i], *colon = strchr(text, ':');
        wh_event *e = wh__push_event(s, WH_EV_DIAGNOSTIC, t->unit->shown.s, "%s", text);
        e->status = strstr(text, ": error: ") ? WH_ERR_BUILD : WH_OK;
        if (colon)
            sscanf(colon + 1, "%u:%u", &e->line, &e->column);
    }
}

static void refuse_unit(wh_session *s, const wh__take *t)
{
    wh_event *e = wh__push_event(s, WH_EV_REJECTED, kernel_of(s, t->unit), "%s", t->text);
    e->status = t->status;
    e->line = t->line;
    e->column = t->column;
    e->generation = t->generation;
    e->saved = t->unit->saved_at;
    e->milliseconds = t->unit->noticed_at > 0 ? (wh__now() - t->unit->noticed_at) * 1e3 : 0;
}

static wh__module *live_module(const wh_session *s, const wh__unit *unit)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].live && s->entry[i].live->module->origin == unit->origin)
            return s->entry[i].live->module;
    return NULL;
}

/* What the real compiler or the canary refuses cannot stay, though the fast tier let it through; and when nothing runs
 * yet, the last good generation of an earlier run is better than none. */
static void stand_in(wh_session *s, const wh__take *t)
{
    wh__module *live = live_module(s, t->unit);
    char why[300];
    if (s->frozen || (live && (!live->fast || t->fast || live->key != t->key)))
        return;
    wh__module *m = wh__load_last_good(t->unit->origin, live ? atomic_load(&live->before) : 0,
                                       live ? live->generation : UINT32_MAX);
    if (m && !live) {
        wh__push_event(s, WH_EV_LOG, t->unit->word, "%s: generation %u, the last good one, runs on", t->unit->shown.s,
                       m->generation);
        wh__registry_offer(s, t->unit->shown.s, t->unit->rank, t->unit->saved_at, 0, m);
        return;
    }
    if (m && !wh__live_switch(s, m, why, sizeof why))
        wh__push_event(s, WH_EV_LOG, t->unit->word, "%s", why);
}

static void take_refusal(wh_session *s, const wh__take *t)
{
    const wh__module *live = live_module(s, t->unit);
    const bool matters = live && plan_of(s) && wh__plan_uses(plan_of(s), live);
    t->unit->refused = true;
    refuse_unit(s, t);
    tell_diagnostics(s, t);
    if (matters)
        fail_cooks(s, t->status, t->text);
    stand_in(s, t);
}

/* The policy's word on each kernel of a module that has just been offered. */
static void ask_policy(wh_session *s, wh__unit *u, wh__module *m)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        char difference[400] = "";
        if (!e->fresh || e->fresh->module != m)
            continue;
        if (e->live)
            wh__layout_difference(e->live->layout, e->fresh->layout, difference, sizeof difference);
        wh_change change = {.step = WH_CHANGE_READY,
                            .kernel = e->id,
                            .generation = m->generation,
                            .fast = m->fast,
                            .params = difference,
                            .milliseconds = e->noticed_at > 0 ? (wh__now() - e->noticed_at) * 1e3 : 0};
        decide(s, &change);
        e->publish = change.publish;
        if (!change.refuse)
            continue;
        if (u->denied != m->generation) /* its fast build was told of */
            wh__push_event(s, WH_EV_REJECTED, e->id, "%s: %s generation %u: refused by reload.policy%s%s", e->path,
                           e->id, m->generation, change.reason[0] ? ": " : "", change.reason)
                ->status = WH_ERR_KERNEL;
        u->denied = m->generation;
        wh__registry_withdraw(s, m);
        return;
    }
}

/* Its fast build may have crashed while the optimised one was on its way. */
static bool has_crashed(const wh__module *m)
{
    wh__records list = wh__history_read(&m->origin->history);
    bool bad = false;
    for (uint32_t i = 0; i < list.count; i++)
        if (list.item[i].key == m->key)
            bad = list.item[i].state == WH_RECORD_BAD;
    free(list.item);
    return bad;
}

/* A mistake that is taken back gives the text that runs, and so no new generation that would say it. */
static void tell_mended(wh_session *s, const wh__take *t)
{
    const wh__module *live = t->unit->refused ? live_module(s, t->unit) : NULL;
    if (live && live->key == t->module->key && live->generation == t->module->generation)
        wh__push_event(s, WH_EV_LOG, t->unit->word, "%s: mended; generation %u is what runs", t->unit->shown.s,
                       live->generation);
}

static void take_module(wh_session *s, const wh__take *t)
{
    wh__unit *u = t->unit;
    tell_mended(s, t);
    u->refused = false;
    tell_diagnostics(s, t);
    if (!t->fast && (u->crashed == t->module->key || has_crashed(t->module))) {
        wh__module_drop(t->module);
        return;
    }
    if (u->pinned && u->pinned != t->module->generation) {
        if (u->told != t->module->generation) /* the fast build of it has said so */
            wh__push_event(s, WH_EV_READY, kernel_of(s, u), "%s: %s generation %u is ready; generation %u is pinned",
                           u->shown.s, kernel_of(s, u), t->module->generation, u->pinned)
                ->generation = t->module->generation;
        u->told = t->module->generation;
        wh__module_drop(t->module);
        return;
    }
    wh__module *m = t->module;
    if (u->chosen && u->live != m->generation) {
        wh__module_drop(m);
        return;
    }
    wh__module_keep(m);
    wh__registry_offer(s, u->shown.s, u->rank, u->saved_at, u->noticed_at, m);
    ask_policy(s, u, m);
    wh__module_drop(m);
}

/* A text whose fast build crashed in a cook was told of then. */
static bool told_already(const wh__take *t)
{
    return t->unit->crashed && t->unit->crashed == t->key;
}

static void take_builds(wh_session *s)
{
    for (wh__take t; (t = wh__units_take(&s->units)).kind != WH_TAKE_NONE; wh__take_free(&t)) {
        tell_steps(s, &t);
        if (t.log[0])
            wh__push_event(s, WH_EV_LOG, t.unit->word, "%s", t.log);
        if (t.kind == WH_TAKE_MODULE)
            take_module(s, &t);
        else if (t.kind == WH_TAKE_REFUSED && !told_already(&t))
            take_refusal(s, &t);
    }
}

/* ---- polling ---- */

static bool is_used(const wh_session *s, const wh__kernel *k)
{
    const wh__plan *p = plan_of(s);
    for (uint32_t i = 0; k && p && i < p->call_count; i++)
        if (p->call[i]->kernel == k)
            return true;
    return false;
}

/* Whether the plan that runs would come out the same with the new kernels. */
static bool concerns_nobody(const wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && (!s->entry[i].arrived || is_used(s, s->entry[i].live)))
            return false;
    return plan_of(s) && !s->tried_failed;
}

/* What was saved together is published together: a header may be part of many kernels. */
static bool more_to_come(const wh_session *s)
{
    double oldest = wh__now();
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].arrived && s->entry[i].arrived_at < oldest)
            oldest = s->entry[i].arrived_at;
    return wh__units_awaited(&s->units) && wh__now() - oldest < LONGEST_GATHERING;
}

static bool has_arrived(const wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && s->entry[i].arrived && !s->entry[i].held)
            return true;
    return false;
}

static void settle(wh_session *s)
{
    take_builds(s);
    start_jobs(s);
    hold_back(s);
    const bool saved = s->again || (s->file_saved && !same_as_tried(s)), fresh = has_arrived(s);
    s->file_saved = s->again = false;
    if (!s->file.s[0] || (!saved && fresh && concerns_nobody(s)))
        wh__registry_commit(s, WH_USE_FRESH);
    else if (saved || (fresh && !more_to_come(s))) {
        if (saved || !swap_arrived(s))
            transact(s, saved);
    }
}

static bool find_line(const wh__module *m, uintptr_t address, char *file, size_t size, uint32_t *line)
{
    return address > m->base && wh__source_line(m->path.s, address - m->base, file, size, line);
}

static void note_crash(wh_session *s, const wh__crash *c)
{
    char file[600], text[900], place[700] = "";
    uint32_t line = 0;
    const wh__module *m = c->bad;
    if (find_line(m, c->fault.at, file, sizeof file, &line) || find_line(m, c->fault.caller, file, sizeof file, &line))
        snprintf(place, sizeof place, "%.500s:%u",
                 strcmp(wh__base_name(file), wh__base_name(m->origin->source.s)) == 0 ? m->origin->source.s : file,
                 line);
    snprintf(text, sizeof text, "%s: %s generation %u: %s", place[0] ? place : c->at, c->id, m->generation,
             c->fault.text);
    if (!m->origin->builtin)
        wh__history_mark(&m->origin->history, m->generation, c->fault.signal ? WH_RECORD_BAD : WH_RECORD_REFUSED, text);
    wh__registry_replace(s, c->bad, c->good);
    s->revision++;
    wh_event *e = c->good
                      ? wh__push_event(s, WH_EV_REJECTED, c->id, "%s; generation %u runs on", text, c->good->generation)
                      : wh__push_event(s, WH_EV_REJECTED, c->id, "%s%s", text,
                                       wh__scene_of(s)->failure ? "; cooks fail until it is mended" : "");
    e->status = WH_ERR_KERNEL;
    e->line = line;
    e->generation = m->generation;
    e->fast = m->fast;
}

static void take_crashes(wh_session *s)
{
    for (wh__crash *c; (c = wh__scene_take_crash(s)); free(c)) {
        note_crash(s, c);
        wh__unit *u = wh__units_of(&s->units, c->bad->origin);
        if (u) {
            u->crashed = c->bad->key;
            u->live = c->good ? c->good->generation : 0;
            if (u->pinned == c->bad->generation)
                u->pinned = 0; /* what mends it must not wait behind it */
        }
        wh__module_drop(c->good);
    }
}

uint64_t wh_poll(wh_session *s)
{
    if (!s)
        return 0;
    wh__scene_sweep(s);
    take_crashes(s);
    if (s->frozen)
        return s->revision;
    wh__registry_sweep(s);
    if (s->watch)
        wh__watch_read(s->watch, notice, s);
    if (s->looks)
        look_at_all(s);
    if (s->units.rescan)
        wh__units_scan(&s->units);
    start_jobs(s);
    settle(s);
    return s->revision;
}

uint64_t wh_publish(wh_session *s)
{
    if (!s)
        return 0;
    s->by_hand = true;
    wh_poll(s);
    s->by_hand = false;
    return s->revision;
}

void wh_wait(wh_session *s, uint32_t milliseconds)
{
    if (s && s->looks && milliseconds > LOOK_EVERY * 1e3)
        milliseconds = (uint32_t)(LOOK_EVERY * 1e3);
    if (s && s->holds && milliseconds > 1)
        milliseconds = 1;
    if (s && milliseconds > 50 && has_arrived(s)) /* it waits for others, but not for ever */
        milliseconds = 50;
    if (s && s->watch && !s->frozen) {
        wh__watch_wait(s->watch, milliseconds);
        return;
    }
    const struct timespec t = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&t, NULL);
}

void wh_wake(wh_session *s)
{
    if (s && s->watch)
        wh__watch_wake(s->watch);
}

/* ---- another generation ---- */

void wh__live_note(wh_session *s, const wh__module *m)
{
    wh__unit *u = wh__units_of(&s->units, m->origin);
    if (u)
        u->live = m->generation;
    if (!m->fast && !m->origin->builtin)
        wh__history_mark(&m->origin->history, m->generation, WH_RECORD_GOOD, "");
}

bool wh__live_is_pinned(const wh_session *s, const wh__origin *o)
{
    const wh__unit *u = wh__units_of(&s->units, o);
    return u && u->pinned;
}

bool wh__live_switch(wh_session *s, wh__module *m, char *why, size_t why_size)
{
    wh__unit *u = wh__units_of(&s->units, m->origin);
    attempt a = {.session = s};
    wh__module_keep(m);
    wh__registry_offer(s, m->origin->source.s, u ? u->rank : RANK_BESIDE, u ? u->saved_at : 0, 0, m);
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        e->held = e->fresh && e->fresh->module != m;
        e->alone = e->fresh && !e->held;
    }
    bool ok = true;
    if (!s->file.s[0] || concerns_nobody(s))
        wh__registry_commit(s, WH_USE_ALONE);
    else
        ok = swap_arrived(s) || attempt_plan(s, &a, !plan_of(s), WH_USE_ALONE);
    for (uint32_t i = 0; i < s->entry_count; i++)
        s->entry[i].alone = false;
    if (!ok) {
        mistake_text(s, &a, why, why_size);
        wh__registry_withdraw(s, m);
    }
    clear_attempt(&a);
    wh__module_drop(m);
    return ok;
}

/* ---- open and close ---- */

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
    for (start_jobs(s); wh__units_busy(&s->units); start_jobs(s)) {
        if (s->units.running[WH_JOB_FULL] == 0)
            return; /* no thread could be had */
        wh__units_wait(&s->units);
        take_builds(s);
    }
}

/* The file itself says where more kernels are: once they are built, it is read again. */
void wh__live_load(wh_session *s)
{
    wh__registry_commit(s, WH_USE_FRESH);
    if (!s->file.s[0]) {
        s->units.fast = !s->frozen && s->units.canary && wh__canary_has_compiler();
        choose_watch(s);
        return;
    }
    attempt a = {.session = s};
    wh__plan *p = try_plan(s, &a, true, WH_USE_FRESH);
    if (wh__units_busy(&s->units)) {
        wh__plan_drop(p);
        build_all(s);
        p = try_plan(s, &a, true, WH_USE_FRESH);
    }
    show_prints(s, &a);
    if (p)
        publish(s, p, (publishing){.from_disk = true, .use = WH_USE_FRESH});
    else
        reject(s, &a.mistakes, NULL);
    for (uint32_t i = 0; i < s->entry_count; i++)
        s->entry[i].arrived = false; /* what could be said of them is said */
    clear_attempt(&a);
    s->units.fast = !s->frozen && s->units.canary && wh__canary_has_compiler();
    choose_watch(s);
}

void wh__live_open(wh_session *s, const wh_options *o)
{
    s->units.canary = s->frozen ? NULL : wh__canary_open();
    add_kernel_path(s, o->kernel_path);
    wh__units_scan(&s->units);
    build_all(s);
}

void wh__live_close(wh_session *s)
{
    wh__units_free(&s->units);
    wh__canary_close(s->units.canary);
    wh__sources_free(&s->good);
    wh__sources_free(&s->tried);
    for (uint32_t i = 0; i < s->watched_count; i++)
        free(s->watched[i]);
    free(s->watched);
    free(s->watched_time);
}
