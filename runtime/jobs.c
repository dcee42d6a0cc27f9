/* jobs.c - start the builds of what was saved, each with what its result is to be tried on. */
#include "live.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_KEPT 64 /* generations that a pipeline may want to keep: this one is not read yet */

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

const char *wh__kernel_of(const wh_session *s, const wh__unit *unit)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].live && s->entry[i].live->module->origin == unit->origin)
            return s->entry[i].id;
    return unit->word;
}

void wh__decide(wh_session *s, wh_change *change)
{
    char why[600];
    wh__plan_decide((wh__plan *)wh__plan_of(s), change, why, sizeof why);
    if (why[0])
        wh__push_event(s, WH_EV_LOG, s->file.s, "%s", why);
}

static wh__trial_plan *plan_trial(wh_session *s, const wh__unit *unit)
{
    const wh__plan *p = wh__plan_of(s);
    wh__trial_plan *t = s->frozen ? NULL : calloc(1, sizeof *t);
    if (!t)
        return NULL;
    wh_change change = {.step = WH_CHANGE_SAVED, .kernel = wh__kernel_of(s, unit), .params = ""};
    wh__decide(s, &change);
    t->mode = change.canary;
    t->seconds = p ? p->reload.time_limit : 0;
    t->keep = p ? p->reload.keep : s->file.s[0] ? MOST_KEPT : 0;
    t->input = wh__inputs_last(&s->inputs);
    note_used(s, unit, t);
    return t;
}

/* Milliseconds from the save to now; 0 where that says nothing: it was saved before anybody looked. */
static double age_of(const wh_session *s, const wh__unit *u)
{
    return u->saved_at < s->opened_at ? 0 : fmax(0, (wh__wall_time() - u->saved_at) * 1e3);
}

void wh__start_jobs(wh_session *s)
{
    wh__job_kind kind;
    for (wh__unit *u; (u = wh__units_next(&s->units, &kind));) {
        const bool first = u->dirty;
        const uint32_t running = s->units.running[kind];
        if (first && u->noticed_at > 0)
            wh__push_step(s, WH_STEP_NOTICED, u->shown.s, NULL, age_of(s, u));
        wh__units_begin(&s->units, u, kind, plan_trial(s, u));
        if (s->units.running[kind] == running)
            return; /* no thread could be had */
    }
}
