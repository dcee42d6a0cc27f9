/* switch.c - another generation takes the place of the one that runs, because somebody said so. */
#include "live.h"
#include <stdlib.h>

/* The registry as it is, with a hold on what waits to be published; NULL: memory is short. */
static wh__entry *remember(const wh_session *s)
{
    wh__entry *before = malloc((s->entry_count + 1) * sizeof *before);
    for (uint32_t i = 0; before && i < s->entry_count; i++) {
        before[i] = s->entry[i];
        if (before[i].fresh)
            wh__module_keep(before[i].fresh->module);
    }
    return before;
}

static void forget(wh__entry *before, uint32_t count)
{
    for (uint32_t i = 0; before && i < count; i++)
        if (before[i].fresh)
            wh__module_drop(before[i].fresh->module);
    free(before);
}

/* What waited goes on waiting. */
static void restore(wh_session *s, wh__entry *before, uint32_t count)
{
    for (uint32_t i = 0; before && i < count; i++) {
        wh__entry *e = wh__registry_find(s, before[i].id), now = *e;
        *e = before[i];
        before[i].fresh = now.fresh; /* its hold goes with the rest */
    }
}

/* Publishes what alone was offered. */
static bool publish_alone(wh_session *s, const wh__module *m, char *why, size_t why_size)
{
    wh__attempt a = {0};
    for (uint32_t i = 0; i < s->entry_count; i++) {
        wh__entry *e = &s->entry[i];
        e->held = e->fresh && e->fresh->module != m;
        e->alone = e->fresh && !e->held;
    }
    bool ok = true;
    if (!s->file.s[0] || wh__concerns_nobody(s))
        wh__registry_commit(s, WH_USE_ALONE);
    else
        ok = wh__swap_arrived(s) || wh__attempt_plan(s, &a, !wh__plan_of(s), WH_USE_ALONE);
    for (uint32_t i = 0; i < s->entry_count; i++)
        s->entry[i].alone = false;
    if (!ok)
        wh__mistake_text(s, &a, why, why_size);
    wh__clear_attempt(&a);
    return ok;
}

bool wh__live_switch(wh_session *s, wh__module *m, char *why, size_t why_size)
{
    const wh__unit *u = wh__units_of(&s->units, m->origin);
    const uint32_t count = s->entry_count;
    wh__entry *before = remember(s);
    wh__module_keep(m);
    wh__registry_offer(s, m->origin->source.s, u ? u->rank : WH_RANK_BESIDE, u ? u->saved_at : 0, 0, m);
    const bool ok = publish_alone(s, m, why, why_size);
    if (!ok) {
        wh__registry_withdraw(s, m);
        restore(s, before, count);
    }
    forget(before, count);
    wh__module_drop(m);
    return ok;
}
