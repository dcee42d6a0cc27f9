/* registry.c - which generation of each kernel is live, and which waits to be. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const wh__entry *)a)->id, ((const wh__entry *)b)->id);
}

wh__entry *wh__registry_find(const wh_session *s, const char *id)
{
    const wh__entry key = {.id = id};
    return s->entry_count ? bsearch(&key, s->entry, s->entry_count, sizeof key, compare_entries) : NULL;
}

static wh__entry *add_entry(wh_session *s, const char *id)
{
    wh__entry *known = wh__registry_find(s, id);
    if (known)
        return known;
    wh__entry *grown = realloc(s->entry, (s->entry_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    s->entry = grown;
    s->entry[s->entry_count++] = (wh__entry){.id = id};
    qsort(s->entry, s->entry_count, sizeof *s->entry, compare_entries);
    return wh__registry_find(s, id);
}

static void drop_kernel(wh__kernel *k)
{
    if (k)
        wh__module_drop(k->module);
}

static wh__kernel *keep_kernel(wh__kernel *k)
{
    wh__module_keep(k->module);
    return k;
}

/* Its file is gone, or has no such kernel any more: another one may have it. */
static bool is_left(const wh_session *s, const wh__entry *e)
{
    const wh__kernel *k = e->fresh ? e->fresh : e->live;
    const wh__unit *u = k ? wh__units_of(&s->units, k->module->origin) : NULL;
    wh_path real;
    return e->left || (u && !wh__path_real(&real, u->path.s));
}

/* Between two files of one rank the path decides, not who compiles faster. */
static bool takes_place(wh_session *s, const wh__entry *e, const char *shown, uint32_t rank)
{
    if (e->path && strcmp(shown, e->path) != 0 && is_left(s, e))
        return true;
    if (rank != e->rank || !e->path || strcmp(shown, e->path) == 0)
        return rank >= e->rank;
    const bool wins = strcmp(shown, e->path) > 0;
    wh__push_event(s, WH_EV_LOG, e->id, "%s: %s is in %s too: that of %s is used (remove one)", shown, e->id, e->path,
                   wins ? shown : e->path);
    return wins;
}

static void note_left(wh_session *s, wh__module *m)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        const wh__kernel *k = e->fresh ? e->fresh : e->live;
        if (k && k->module->origin == m->origin && !wh__module_find(m, e->id))
            e->left = true;
    }
}

void wh__registry_offer(wh_session *s, const char *shown, uint32_t rank, double saved_at, double noticed_at,
                        wh__module *m)
{
    for (uint32_t i = 0; i < m->kernel_count; i++) {
        wh__entry *e = add_entry(s, m->kernel[i].id);
        if (!e || !takes_place(s, e, shown, rank))
            continue;
        /* The optimised build of one that waits for the pipeline to fit it waits with it. */
        const bool better =
            e->fresh && e->fresh->module->origin == m->origin && e->fresh->module->generation == m->generation;
        drop_kernel(e->fresh);
        e->fresh = keep_kernel(&m->kernel[i]);
        e->arrived = !better || e->arrived;
        e->told = better && e->told;
        e->refused = e->left = false;
        e->arrived_at = wh__now();
        e->rank = rank;
        e->path = wh__intern(shown);
        e->saved_at = saved_at;
        e->noticed_at = noticed_at;
    }
    note_left(s, m);
    wh__module_drop(m);
}

static wh__kernel *choose(const wh__entry *e, wh__use use)
{
    const bool fresh =
        use == WH_USE_FRESH || (use == WH_USE_ARRIVED && e->arrived) || (use == WH_USE_ALONE && e->alone);
    return e->fresh && !e->held && (fresh || !e->live) ? e->fresh : e->live;
}

wh__kernel **wh__registry_list(const wh_session *s, wh__use use, uint32_t *count)
{
    wh__kernel **list = malloc((s->entry_count + 1) * sizeof *list);
    *count = 0;
    for (uint32_t i = 0; list && i < s->entry_count; i++)
        if (choose(&s->entry[i], use))
            list[(*count)++] = choose(&s->entry[i], use);
    return list;
}

bool wh__registry_has_fresh(const wh_session *s, bool arrived_only)
{
    for (uint32_t i = 0; i < s->entry_count; i++)
        if (s->entry[i].fresh && (s->entry[i].arrived || !arrived_only))
            return true;
    return false;
}

/* ---- what goes live ---- */

/* Keeps a hold on what was replaced, so that this session tells when it goes. */
static void let_go(wh_session *s, wh__kernel *k)
{
    wh__leaving *grown = realloc(s->leaving, (s->leaving_count + 1) * sizeof *grown);
    if (grown)
        s->leaving = grown;
    if (!grown || atomic_load(&k->module->bad)) { /* what is bad never goes */
        drop_kernel(k);
        return;
    }
    s->leaving[s->leaving_count++] = (wh__leaving){k->module, k->id, wh__now()};
}

void wh__registry_sweep(wh_session *s)
{
    for (uint32_t i = 0; i < s->leaving_count;) {
        const wh__leaving l = s->leaving[i];
        if (atomic_load(&l.module->users) > 1) {
            i++;
            continue;
        }
        if (!l.module->origin->builtin)
            wh__push_step(s, WH_STEP_RETIRED, l.id, l.module, (wh__now() - l.since) * 1e3);
        wh__module_drop(l.module);
        s->leaving[i] = s->leaving[--s->leaving_count];
    }
}

static void tell(wh_session *s, const wh__entry *e, bool replaces_fast)
{
    const wh__module *m = e->live->module;
    const double since = e->noticed_at > 0 ? (wh__now() - e->noticed_at) * 1e3 : 0;
    if (m->origin->builtin)
        return;
    wh__push_step(s, WH_STEP_PUBLISHED, e->id, m, (wh__now() - e->arrived_at) * 1e3);
    if (m->note[0])
        wh__push_event(s, WH_EV_LOG, e->id, "%s: %s stays in memory when it is replaced: %s", m->origin->source.s,
                       e->id, m->note);
    if (replaces_fast)
        return; /* the same generation, only better built */
    wh_event *event =
        wh__push_event(s, WH_EV_RELOADED, e->id, "%s: %s generation %u", m->origin->source.s, e->id, m->generation);
    event->saved = e->saved_at;
    event->milliseconds = since;
    event->generation = m->generation;
    event->fast = m->fast;
}

static void go_live(wh_session *s, wh__entry *e)
{
    wh__kernel *old = e->live;
    e->live = e->fresh;
    e->fresh = NULL;
    e->arrived = false;
    wh__module *m = e->live->module;
    const bool same = old && old->module->origin == m->origin && old->module->generation == m->generation;
    if (old && old->module->origin == m->origin && !same)
        atomic_store(&m->before, old->module->generation);
    else if (same)
        atomic_store(&m->before, atomic_load(&old->module->before));
    wh__live_note(s, m);
    tell(s, e, same && old->module->fast && !m->fast);
    if (old)
        let_go(s, old);
}

void wh__registry_commit(wh_session *s, wh__use use)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (e->fresh && choose(e, use) == e->fresh)
            go_live(s, e);
    }
}

void wh__registry_replace(wh_session *s, wh__module *bad, wh__module *good)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        wh__kernel *k = good ? wh__module_find(good, e->id) : NULL;
        if (e->fresh && e->fresh->module == bad) {
            drop_kernel(e->fresh);
            e->fresh = NULL;
            e->arrived = false;
        }
        if (!e->live || e->live->module != bad || !k)
            continue;
        drop_kernel(e->live);
        e->live = keep_kernel(k);
    }
}

void wh__registry_withdraw(wh_session *s, wh__module *m)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (!e->fresh || e->fresh->module != m)
            continue;
        e->refused = !e->live; /* an entry is never empty */
        if (e->refused)
            continue;
        drop_kernel(e->fresh);
        e->fresh = NULL;
        e->arrived = false;
    }
}

void wh__registry_free(wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        drop_kernel(s->entry[i].live);
        drop_kernel(s->entry[i].fresh);
    }
    for (uint32_t i = 0; i < s->leaving_count; i++)
        wh__module_drop(s->leaving[i].module);
    free(s->leaving);
    free(s->entry);
}

uint32_t wh_kernel_count(const wh_session *s)
{
    return s ? s->entry_count : 0;
}

wh_status wh_kernel_at(const wh_session *s, uint32_t index, wh_kernel_info *out)
{
    if (!s || !out || out->size != sizeof *out || index >= s->entry_count)
        return wh__fail(WH_ERR_ARGUMENT, "there is no kernel %u", index);
    const wh__kernel *k = s->entry[index].live ? s->entry[index].live : s->entry[index].fresh;
    *out = (wh_kernel_info){.size = sizeof *out,
                            .generation = k->module->generation,
                            .id = k->id,
                            .doc = k->desc.doc,
                            .source = k->desc.source ? k->desc.source : "",
                            .params = k->desc.params,
                            .path = k->module->origin->source.s,
                            .builtin = k->module->origin->builtin,
                            .fast = k->module->fast,
                            .pinned = wh__live_is_pinned(s, k->module->origin)};
    return WH_OK;
}
