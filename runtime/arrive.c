/* arrive.c - what becomes of a build that ended: it is offered, or refused, or something stands in for it. */
#include "live.h"
#include <stdlib.h>
#include <string.h>

static wh__module *live_module(const wh_session *s, const wh__unit *unit)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].live && s->entry[i].live->module->origin == unit->origin)
            return s->entry[i].live->module;
    return NULL;
}

/* ---- refused ---- */

static void tell_diagnostics(wh_session *s, const wh__take *t)
{
    for (uint32_t i = 0; i < t->diagnostic_count; i++) {
        const char *text = t->diagnostic[i], *colon = strchr(text, ':');
        wh_event *e = wh__push_event(s, WH_EV_DIAGNOSTIC, t->unit->shown.s, "%s", text);
        e->status = strstr(text, ": error: ") || strstr(text, ": fatal error: ") ? WH_ERR_BUILD : WH_OK;
        if (colon)
            sscanf(colon + 1, "%u:%u", &e->line, &e->column);
    }
}

static void refuse_unit(wh_session *s, const wh__take *t)
{
    wh_event *e = wh__push_event(s, WH_EV_REJECTED, wh__kernel_of(s, t->unit), "%s", t->text);
    e->status = t->status;
    e->line = t->line;
    e->column = t->column;
    e->generation = t->generation;
    e->saved = t->unit->saved_at;
    e->milliseconds = t->unit->noticed_at > 0 ? (wh__now() - t->unit->noticed_at) * 1e3 : 0;
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
        wh__push_event(s, WH_EV_LOG, wh__kernel_of(s, t->unit), "%s: generation %u, the last good one, runs on",
                       t->unit->shown.s, m->generation);
        wh__registry_offer(s, t->unit->shown.s, t->unit->rank, t->unit->saved_at, 0, m);
        return;
    }
    if (m && !wh__live_switch(s, m, why, sizeof why))
        wh__push_event(s, WH_EV_LOG, wh__kernel_of(s, t->unit), "%s", why);
}

static void take_refusal(wh_session *s, const wh__take *t)
{
    const wh__module *live = live_module(s, t->unit);
    const bool matters = live && wh__plan_of(s) && wh__plan_uses(wh__plan_of(s), live);
    t->unit->refused = true;
    refuse_unit(s, t);
    tell_diagnostics(s, t);
    if (matters)
        wh__fail_cooks(s, t->status, t->text);
    stand_in(s, t);
}

/* ---- good ---- */

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
        wh__decide(s, &change);
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
        wh__push_event(s, WH_EV_LOG, wh__kernel_of(s, t->unit), "%s: mended; generation %u is what runs",
                       t->unit->shown.s, live->generation);
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
            wh__push_event(s, WH_EV_READY, wh__kernel_of(s, u),
                           "%s: %s generation %u is ready; generation %u is pinned", u->shown.s, wh__kernel_of(s, u),
                           t->module->generation, u->pinned)
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

/* ---- each ---- */

static void tell_steps(wh_session *s, const wh__take *t)
{
    if (t->kind != WH_TAKE_MODULE)
        return;
    for (int step = WH_STEP_BUILT; step <= WH_STEP_CANARY; step++)
        if (t->step[step] > 0)
            wh__push_step(s, (wh_reload_step)step, t->module->kernel[0].id, t->module, t->step[step]);
}

/* A text whose fast build crashed in a cook was told of then. */
static bool told_already(const wh__take *t)
{
    return t->unit->crashed && t->unit->crashed == t->key;
}

void wh__take_builds(wh_session *s)
{
    for (wh__take t; (t = wh__units_take(&s->units)).kind != WH_TAKE_NONE; wh__take_free(&t)) {
        tell_steps(s, &t);
        if (t.log[0])
            wh__push_event(s, WH_EV_LOG, wh__kernel_of(s, t.unit), "%s", t.log);
        if (t.kind == WH_TAKE_MODULE)
            take_module(s, &t);
        else if (t.kind == WH_TAKE_REFUSED && !told_already(&t))
            take_refusal(s, &t);
    }
}
