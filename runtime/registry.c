/* registry.c - which generation of each kernel is live, and which waits to be. */
#include "session.h"
#include <stdlib.h>
#include <string.h>

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const wh__entry *)a)->id, ((const wh__entry *)b)->id);
}

static wh__entry *find_entry(const wh_session *s, const char *id)
{
    const wh__entry key = {.id = id};
    return s->entry_count ? bsearch(&key, s->entry, s->entry_count, sizeof key, compare_entries) : NULL;
}

static wh__entry *add_entry(wh_session *s, const char *id)
{
    wh__entry *known = find_entry(s, id);
    if (known)
        return known;
    wh__entry *grown = realloc(s->entry, (s->entry_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    s->entry = grown;
    s->entry[s->entry_count++] = (wh__entry){.id = id};
    qsort(s->entry, s->entry_count, sizeof *s->entry, compare_entries);
    return find_entry(s, id);
}

static void drop_kernel(wh__kernel *k)
{
    if (k)
        wh__module_drop(k->module);
}

/* Between two files of one rank the path decides, not who compiles faster. */
static bool takes_place(wh_session *s, const wh__entry *e, const wh__unit *unit)
{
    if (unit->rank != e->rank || !e->path || strcmp(unit->shown.s, e->path) == 0)
        return unit->rank >= e->rank;
    const bool wins = strcmp(unit->shown.s, e->path) > 0;
    wh__push_event(s, WH_EV_LOG, e->id, "%s: %s is in %s too: that of %s is used (remove one)", unit->shown.s, e->id,
                   e->path, wins ? unit->shown.s : e->path);
    return wins;
}

void wh__registry_offer(wh_session *s, const wh__unit *unit, wh__module *m)
{
    for (uint32_t i = 0; i < m->kernel_count; i++) {
        wh__kernel *k = &m->kernel[i];
        wh__entry *e = add_entry(s, k->id);
        if (!e || !takes_place(s, e, unit))
            continue;
        drop_kernel(e->fresh);
        e->fresh = k;
        e->arrived = true;
        e->arrived_at = wh__now();
        e->rank = unit->rank;
        e->path = wh__intern(unit->shown.s);
        e->saved_at = unit->saved_at;
        e->noticed_at = unit->noticed_at;
        k->generation = ++e->generations;
        wh__module_keep(m);
    }
    wh__module_drop(m);
}

static wh__kernel *choose(const wh__entry *e, wh__use use)
{
    const bool fresh =
        use == WH_USE_FRESH || (use == WH_USE_ARRIVED && e->arrived) || (use == WH_USE_ALONE && e->alone);
    return e->fresh && (fresh || !e->live) ? e->fresh : e->live;
}

wh__kernel **wh__registry_list(const wh_session *s, wh__use use, uint32_t *count)
{
    wh__kernel **list = malloc((s->entry_count + 1) * sizeof *list);
    *count = 0;
    for (uint32_t i = 0; list && i < s->entry_count; i++)
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

void wh__registry_commit(wh_session *s, wh__use use)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        if (!e->fresh || choose(e, use) != e->fresh)
            continue;
        drop_kernel(e->live);
        e->live = e->fresh;
        e->fresh = NULL;
        e->arrived = false;
        if (e->live->module->builtin)
            continue;
        wh_event *event = wh__push_event(s, WH_EV_RELOADED, e->id, "%s: %s generation %u", e->live->module->source.s,
                                         e->id, e->live->generation);
        event->saved = e->saved_at;
        event->milliseconds = e->noticed_at > 0 ? (wh__now() - e->noticed_at) * 1e3 : 0;
    }
}

void wh__registry_free(wh_session *s)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        drop_kernel(s->entry[i].live);
        drop_kernel(s->entry[i].fresh);
    }
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
                            .generation = k->generation,
                            .id = k->id,
                            .doc = k->desc->doc,
                            .source = k->desc->source ? k->desc->source : "",
                            .params = k->desc->params,
                            .path = k->module->source.s,
                            .builtin = k->module->builtin};
    return WH_OK;
}
