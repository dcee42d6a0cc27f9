/* recover.c - the way back from a kernel that crashed: the last good generation in its place, for all cooks. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

static wh__module *load_generation(wh__origin *o, const wh__record *r)
{
    char why[256];
    wh__module_request q = {.origin = o, .copy = true, .generation = r->generation, .key = r->key};
    wh_path library;
    if (!wh__history_library(&o->history, r->key, &library, &q.fast))
        return NULL;
    q.library = library.s;
    return wh__module_load(&q, why, sizeof why);
}

wh__module *wh__load_last_good(wh__origin *o, uint32_t before, uint32_t below)
{
    wh__records list = wh__history_read(&o->history);
    wh__module *found = NULL;
    for (uint32_t i = 0; i < list.count && !found && before; i++)
        if (list.item[i].generation == before && list.item[i].state < WH_RECORD_REFUSED)
            found = load_generation(o, &list.item[i]);
    for (uint32_t i = list.count; i-- > 0 && !found;)
        if (list.item[i].generation < below && list.item[i].state < WH_RECORD_REFUSED && !list.item[i].fast)
            found = load_generation(o, &list.item[i]);
    free(list.item);
    return found;
}

/* Else the kernel of that name that came with whorl. */
static wh__module *load_before(wh__module *bad)
{
    wh__origin *o = bad->origin;
    if (o->builtin)
        return NULL;
    wh__module *m = wh__load_last_good(o, atomic_load(&bad->before), bad->generation);
    return m ? m : wh__builtin_load(o->word);
}

static wh__crash *note_crash(wh_session *s, wh__kernel *k, const char *at, const wh__fault *f)
{
    wh__crash *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    wh__module_keep(k->module);
    c->bad = k->module;
    c->id = k->id;
    c->fault = *f;
    snprintf(c->at, sizeof c->at, "%s", at);
    if (s->last_crash)
        s->last_crash->next = c;
    else
        s->crashes = c;
    s->last_crash = c;
    return c;
}

/* Nothing can run in its place: until somebody mends it, cooks end with the reason. */
static void stop_cooks(wh_session *s, wh__scene *scene, const wh__kernel *k, const char *at, const wh__fault *f)
{
    char text[900];
    snprintf(text, sizeof text, "%s: %s: %s (mend its source)", at, k->id, f->text);
    wh__scene *now = wh__scene_new(scene->plan, scene->settings, WH_ERR_KERNEL, text);
    if (!now)
        return;
    wh__plan_keep(scene->plan);
    atomic_fetch_add(&scene->settings->users, 1);
    wh__scene_replace(s, now);
}

/* Under publish_lock. */
static bool swap_back(wh_session *s, wh__scene *scene, wh__module *bad, wh__crash *crash)
{
    wh__module *good = s->frozen || scene->plan->reload.on_error == WH_ON_ERROR_FAIL ? NULL : load_before(bad);
    wh__plan *plan = good ? wh__plan_rebind(scene->plan, bad, good) : NULL;
    wh__scene *now = plan && !wh__plan_crashed(plan) ? wh__scene_new(plan, scene->settings, WH_OK, NULL) : NULL;
    if (now) {
        atomic_fetch_add(&scene->settings->users, 1);
        wh__scene_replace(s, now);
    } else {
        wh__plan_drop(plan);
    }
    if (now && crash) {
        wh__module_keep(good);
        crash->good = good;
    }
    wh__module_drop(good);
    return now;
}

bool wh__scene_recover(wh_session *s, wh__kernel *k, const char *at, const wh__fault *f)
{
    pthread_mutex_lock(&s->publish_lock);
    wh__crash *crash = atomic_exchange(&k->module->bad, true) ? NULL : note_crash(s, k, at, f);
    wh__scene *scene = wh__scene_of(s);
    bool again = scene && !scene->failure && !wh__plan_uses(scene->plan, k->module);
    if (!again && scene && !scene->failure) {
        again = swap_back(s, scene, k->module, crash);
        if (!again)
            stop_cooks(s, scene, k, at, f);
    }
    pthread_mutex_unlock(&s->publish_lock);
    if (s->watch)
        wh__watch_wake(s->watch);
    return again;
}

wh__crash *wh__scene_take_crash(wh_session *s)
{
    pthread_mutex_lock(&s->publish_lock);
    wh__crash *c = s->crashes;
    if (c) {
        s->crashes = c->next;
        if (!s->crashes)
            s->last_crash = NULL;
    }
    pthread_mutex_unlock(&s->publish_lock);
    return c;
}

bool wh__scene_has_crash(wh_session *s)
{
    pthread_mutex_lock(&s->publish_lock);
    const bool has = s->crashes;
    pthread_mutex_unlock(&s->publish_lock);
    return has;
}

void wh__forget_crashes(wh_session *s)
{
    for (wh__crash *c; (c = wh__scene_take_crash(s)); free(c))
        wh__module_drop(c->good);
}
