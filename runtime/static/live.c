/* live.c - a session that loads its pipeline once, in wh_open. There is one generation of every kernel, and no crash
 * is come back from: what asks for more is told so. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

#define STATIC "this whorl was built with WHORL_STATIC: "

/* ---- the pipeline ---- */

static void show_mistake(void *context, const char *file, uint32_t line, const char *text)
{
    wh_event *e = line ? wh__push_event(context, WH_EV_REJECTED, file, "%s:%u: %s", file, line, text)
                       : wh__push_event(context, WH_EV_REJECTED, file, "%s: %s", file, text);
    e->status = WH_ERR_CONFIG;
    e->line = line;
}

static void show_print(void *context, const char *text)
{
    wh_session *s = context;
    wh__push_event(s, WH_EV_LOG, s->file.s, "%s", text);
}

static void publish(wh_session *s, wh__plan *p)
{
    wh__settings *settings = wh__settings_carry(s, p, &s->is_set);
    if (!settings) {
        wh__plan_drop(p);
        return;
    }
    if (!wh__scene_publish(s, p, settings, WH_OK, NULL))
        return;
    s->revision++;
    wh__push_event(s, WH_EV_RELOADED, s->file.s, "%s", s->file.s);
    wh__params_announce(s, NULL, p);
}

static void look_for_kernel(void *found, const char *name)
{
    const char *ending = strrchr(name, '.');
    if (ending && (strcmp(ending, ".c") == 0 || strcmp(ending, ".so") == 0))
        *(bool *)found = true;
}

/* Where the pipeline names kernels that are there, and not used, that is said. */
static void pass_over(wh_session *s, const char *pattern)
{
    const char *name = wh__base_name(pattern), *file = wh__base_name(s->file.s);
    char folder[8192];
    snprintf(folder, sizeof folder, "%.*s%.*s.", (int)(file - s->file.s), s->file.s, (int)(name - pattern), pattern);
    bool found = false;
    wh__each_file(folder, look_for_kernel, &found);
    if (found)
        wh__push_event(s, WH_EV_LOG, s->file.s,
                       "%s: reload.kernels = \"%s\": these are not used: " STATIC "its kernels are linked in",
                       s->file.s, pattern);
}

static void pass_over_patterns(wh_session *s, char **pattern, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pattern[i])
            pass_over(s, pattern[i]);
        free(pattern[i]);
    }
    free(pattern);
}

void wh__live_load(wh_session *s)
{
    if (!s->file.s[0])
        return;
    char **pattern = NULL;
    uint32_t pattern_count = 0;
    wh__sources sources = {NULL, 0};
    wh__plan_request r = {.file = s->file.s,
                          .folder = s->folder.s,
                          .host = s->host,
                          .seed = s->seed,
                          .sources = &sources,
                          .pattern = &pattern,
                          .pattern_count = &pattern_count,
                          .context = s,
                          .fail = show_mistake,
                          .print = show_print};
    r.kernel = wh__registry_list(s, WH_USE_LIVE, &r.kernel_count);
    wh__plan *p = r.kernel ? wh__plan_load(&r) : NULL;
    free(r.kernel);
    wh__sources_free(&sources);
    pass_over_patterns(s, pattern, pattern_count);
    if (p)
        publish(s, p);
}

void wh__live_open(wh_session *s, const wh_options *o)
{
    if (o->kernel_path && *o->kernel_path)
        wh__push_event(s, WH_EV_REJECTED, o->kernel_path,
                       "%s: its kernels are not used: " STATIC "they are linked in (WHORL_STATIC_KERNELS adds some)",
                       o->kernel_path)
            ->status = WH_ERR_ARGUMENT;
}

void wh__live_close(wh_session *s)
{
    (void)s;
}

void wh__equip(wh_session *s, const wh_options *o)
{
    char why[200];
    (void)o;
    s->watch = wh__watch_open(why, sizeof why);
    if (!s->watch)
        wh__push_event(s, WH_EV_LOG, "wake", "wh_wake will not end wh_wait: %s", why);
}

void wh__unequip(wh_session *s)
{
    wh__watch_close(s->watch);
}

uint64_t wh_poll(wh_session *s)
{
    if (!s)
        return 0;
    wh__scene_sweep(s);
    return s->revision;
}

uint64_t wh_publish(wh_session *s)
{
    return wh_poll(s);
}

/* ---- what there is not ---- */

wh_status wh_watch(wh_session *s, const char *path)
{
    if (!s || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_watch needs a session and a path");
    return wh__fail(WH_ERR_ARGUMENT, "%s: " STATIC "no file is watched", path);
}

static wh_status one_generation(const char *kernel)
{
    return wh__fail(WH_ERR_ARGUMENT, "%s: " STATIC "a kernel has one generation", kernel ? kernel : "NULL");
}

uint32_t wh_generation_count(const wh_session *s, const char *kernel)
{
    (void)s, (void)kernel;
    return 0;
}

wh_status wh_generation_at(const wh_session *s, const char *kernel, uint32_t index, wh_generation_info *out)
{
    (void)s, (void)index, (void)out;
    return one_generation(kernel);
}

wh_status wh_generation_use(wh_session *s, const char *kernel, uint32_t generation, bool pin)
{
    (void)s, (void)generation, (void)pin;
    return one_generation(kernel);
}

wh_status wh_compare(wh_session *s, const char *kernel, uint32_t a, uint32_t b, const wh_view *in, double seconds,
                     wh_difference *out, float *distance)
{
    (void)s, (void)a, (void)b, (void)in, (void)seconds, (void)out, (void)distance;
    return one_generation(kernel);
}

bool wh__live_is_pinned(const wh_session *s, const wh__origin *o)
{
    (void)s, (void)o;
    return false;
}

void wh__live_note(wh_session *s, const wh__module *m)
{
    (void)s, (void)m;
}

bool wh__scene_recover(wh_session *s, wh__kernel *k, const char *at, const wh__fault *f)
{
    (void)s, (void)k, (void)at, (void)f;
    return false;
}

void wh__inputs_take(wh__inputs *i, const wh_view *v, double seconds)
{
    (void)i, (void)v, (void)seconds;
}

void wh__history_init(wh__history *h, const char *folder, const char *stem)
{
    (void)h, (void)folder, (void)stem;
}

void wh__history_free(wh__history *h)
{
    (void)h;
}

wh__unit *wh__units_of(const wh__units *u, const wh__origin *o)
{
    (void)u, (void)o;
    return NULL;
}
