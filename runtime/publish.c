/* publish.c - what was found good becomes what cooks read. */
#include "live.h"
#include <stdlib.h>
#include <string.h>

const wh__plan *wh__plan_of(const wh_session *s)
{
    const wh__scene *scene = wh__scene_of(s);
    return scene ? scene->plan : NULL;
}

/* The files as they are now become those of the plan that runs. */
static void copy_sources(wh__sources *to, const wh__sources *from)
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
}

static void adopt_states(wh_session *s, const wh__plan *p)
{
    for (uint32_t i = 0; i < p->call_count; i++) {
        wh__kernel *k = p->call[i]->kernel;
        const wh__entry *e = wh__registry_find(s, k->id);
        if (e && e->live && e->fresh == k)
            wh__states_adopt(k, e->live);
    }
}

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

bool wh__publish_plan(wh_session *s, wh__plan *p, wh__publishing how)
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
    wh__choose_watch(s);
    return true;
}

void wh__fail_cooks(wh_session *s, wh_status status, const char *text)
{
    const wh__scene *scene = wh__scene_of(s);
    if (!scene || !scene->plan || scene->plan->reload.on_error != WH_ON_ERROR_FAIL)
        return;
    wh__plan_keep(scene->plan);
    atomic_fetch_add(&scene->settings->users, 1);
    s->revision += wh__scene_publish(s, scene->plan, scene->settings, status, text);
}
