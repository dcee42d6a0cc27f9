/* session.c - open and close a session, and say what runs in it. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

#define MOST_THREADS 256

/* ---- files that come with the library ---- */

bool wh__include_folder(wh_path *out)
{
    return wh__beside_library(out, WHORL_INCLUDE_REL);
}

bool wh__lend_header(wh_path *out)
{
    return wh__beside_library(out, WHORL_DATA_REL "/lend.h");
}

static wh_path data_folder;

static void find_data_folder(void)
{
    if (wh__beside_library(&data_folder, WHORL_DATA_REL "/lua"))
        wh__path_real(&data_folder, data_folder.s);
}

const char *wh_data_path(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_data_folder);
    return data_folder.s;
}

uint32_t wh_version(void)
{
    return WH_VERSION;
}

/* ---- open and close ---- */

static wh_session *new_session(const char *file, const wh_options *o)
{
    wh_session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->publish_lock, NULL);
    pthread_mutex_init(&s->told_lock, NULL);
    atomic_store(&s->at_work, "");
    snprintf(s->file.s, sizeof s->file.s, "%s", file ? file : "");
    if (!wh__path_real(&s->folder, "."))
        snprintf(s->folder.s, sizeof s->folder.s, ".");
    s->host = strdup(o->host && *o->host ? o->host : "library");
    s->compiler = o->compiler ? strdup(o->compiler) : NULL;
    s->seed = o->seed;
    s->frozen = o->frozen;
    s->pool = wh__pool_new(o->threads ? o->threads : wh__core_count());
    wh__equip(s, o);
    return s;
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
    wh_session *s = new_session(lua_path, o);
    if (!s || !s->pool || !s->host) {
        wh_close(s);
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    }
    __atomic_store_n(out, s, __ATOMIC_RELEASE); /* whose thread wants to know how far the builds are */
    wh__builtin_open(s);
    wh__live_open(s, o);
    wh__live_load(s);
    return wh__scene_of(s) || !s->file.s[0] ? WH_OK : first_mistake(s);
}

void wh_close(wh_session *s)
{
    if (!s)
        return;
    wh__live_close(s);
    wh__scene_close(s);
    wh__registry_free(s);
    wh__pool_free(s->pool);
    wh__unequip(s);
    wh__free_events(s);
    free(s->shown.item);
    wh__origin_drop(s->shown_of);
    free(s->is_set);
    free(s->status_json);
    free(s->host);
    free(s->compiler);
    pthread_mutex_destroy(&s->told_lock);
    pthread_mutex_destroy(&s->publish_lock);
    free(s);
}

/* ---- what runs ---- */

static const wh__call *stage_at(const wh_session *s, uint32_t index, uint32_t *count)
{
    const wh__scene *scene = wh__scene_of(s);
    const wh__plan *p = scene ? scene->plan : NULL;
    *count = 0;
    for (uint32_t i = 0; p && i < p->call_count; i++) {
        if (p->call[i]->role == WH_ROLE_FIELD)
            continue;
        if ((*count)++ == index)
            return p->call[i];
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
                           .generation = c->kernel->module->generation,
                           .kernel = c->kernel->id,
                           .name = c->name,
                           .enabled = atomic_load(&c->enabled),
                           .milliseconds = atomic_load(&c->milliseconds)};
    return WH_OK;
}

static const wh__plan *plan_of(const wh_session *s)
{
    const wh__scene *scene = s ? wh__scene_of(s) : NULL;
    return scene ? scene->plan : NULL;
}

bool wh_needs_mesh(const wh_session *s)
{
    const wh__plan *p = plan_of(s);
    return p && !p->simple;
}

const char *wh_needs_attribute(const wh_session *s, uint32_t index)
{
    const wh__plan *p = plan_of(s);
    for (uint32_t i = 0; p && i < p->call_count; i++) {
        const wh__call *c = p->call[i];
        if (index < c->attribute_count)
            return (const char *)p->value + c->params + c->attribute[index];
        index -= c->attribute_count;
    }
    return NULL;
}

const char *wh_plan_json(const wh_session *s)
{
    const wh__scene *scene = s ? wh__scene_of(s) : NULL;
    return scene && scene->plan ? wh__plan_json(scene->plan) : "null";
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
