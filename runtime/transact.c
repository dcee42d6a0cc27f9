/* transact.c - a reload as a transaction: what is tried, in which order, and when it may be published. */
#include "live.h"
#include <string.h>

#define LONGEST_GATHERING 1.0 /* seconds that a built kernel waits for others that are being built */
#define LONGEST_FRAME 0.1     /* seconds that a kernel waits for cooks to pause */

/* A kernel that the plan uses has crashed before, and is not what runs now. */
static bool keep_crashed(wh_session *s, wh__attempt *a, const wh__plan *p)
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
        wh__keep_mistake(&a->mistakes, file, line, text);
        return true;
    }
    return false;
}

/* What loads and cannot be published, since a kernel crashed at this moment, is tried again. */
bool wh__attempt_plan(wh_session *s, wh__attempt *a, bool from_disk, wh__use use)
{
    wh__plan *p = wh__try_plan(s, a, from_disk, use);
    if (!p)
        return false;
    wh__show_prints(s, a);
    if (keep_crashed(s, a, p)) {
        s->tried_failed = s->tried_failed || from_disk;
        wh__plan_drop(p);
        return false;
    }
    const bool ok = wh__publish_plan(s, p, (wh__publishing){.from_disk = from_disk, .use = use});
    s->again = s->again || !ok;
    return ok;
}

/* Each new kernel by itself, over what runs. Those that the pipeline does not load with wait for the next save. */
static void try_each(wh_session *s, wh__attempt *a)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (!e->fresh || !e->arrived || e->held)
            continue;
        e->alone = true;
        if (!wh__plan_of(s) || !wh__attempt_plan(s, a, false, WH_USE_ALONE)) {
            if (wh__plan_of(s))
                wh__reject(s, &a->mistakes, e->id);
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
    wh__attempt disk = {0}, other = {0};
    const bool fresh = wh__registry_has_fresh(s, false);
    bool loaded = false;
    if (saved || s->tried_failed || !wh__plan_of(s))
        loaded = wh__attempt_plan(s, &disk, true, WH_USE_FRESH) ||
                 (fresh && wh__attempt_plan(s, &other, true, WH_USE_ARRIVED)) ||
                 (fresh && saved && wh__attempt_plan(s, &other, true, WH_USE_LIVE));
    if (wh__plan_of(s) && wh__registry_has_fresh(s, true) && !wh__attempt_plan(s, &other, false, WH_USE_FRESH))
        wh__attempt_plan(s, &other, false, WH_USE_ARRIVED);
    try_each(s, &other);
    if (saved && !loaded) {
        wh__show_prints(s, &disk);
        wh__reject(s, &disk.mistakes, NULL);
        wh__mistake_text(s, &disk, why, sizeof why);
        wh__fail_cooks(s, WH_ERR_CONFIG, why);
    }
    wh__clear_attempt(&disk);
    wh__clear_attempt(&other);
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
    const wh__plan *p = wh__plan_of(s);
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

bool wh__swap_arrived(wh_session *s)
{
    bool better_only;
    wh__plan *p = plan_with_arrived(s, &better_only);
    if (p && s->tried_failed && !better_only) { /* the files may load now */
        wh__plan_drop(p);
        return false;
    }
    return p && wh__publish_plan(s, p, (wh__publishing){.quiet = better_only, .use = WH_USE_ARRIVED});
}

/* ---- when ---- */

/* Whether a kernel that waits was meant to run by now. */
static bool may_go_live(wh_session *s, wh__entry *e)
{
    if (e->refused)
        return false;
    if (is_better_build(e) || e->publish == WH_PUBLISH_AT_ONCE || !wh__plan_of(s))
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

static bool is_used(const wh_session *s, const wh__kernel *k)
{
    const wh__plan *p = wh__plan_of(s);
    for (uint32_t i = 0; k && p && i < p->call_count; i++)
        if (p->call[i]->kernel == k)
            return true;
    return false;
}

/* Whether the plan that runs would come out the same with the new kernels. */
bool wh__concerns_nobody(const wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && (!s->entry[i].arrived || is_used(s, s->entry[i].live)))
            return false;
    return wh__plan_of(s) && !s->tried_failed;
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

bool wh__has_arrived(const wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && s->entry[i].arrived && !s->entry[i].held)
            return true;
    return false;
}

void wh__settle(wh_session *s)
{
    wh__take_builds(s);
    wh__start_jobs(s);
    hold_back(s);
    const bool saved = s->again || (s->file_saved && !wh__same_as_tried(s)), fresh = wh__has_arrived(s);
    s->file_saved = s->again = false;
    if (!s->file.s[0] || (!saved && fresh && wh__concerns_nobody(s)))
        wh__registry_commit(s, WH_USE_FRESH);
    else if (saved || (fresh && !more_to_come(s))) {
        if (saved || !wh__swap_arrived(s))
            transact(s, saved);
    }
}
