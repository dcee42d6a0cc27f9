/* live.c - a session that follows what is saved: open, poll, close. */
#include "live.h"
#include <stdlib.h>
#include <string.h>

uint64_t wh_poll(wh_session *s)
{
    if (!s)
        return 0;
    wh__scene_sweep(s);
    wh__take_crashes(s);
    if (s->frozen)
        return s->revision;
    wh__registry_sweep(s);
    wh__notice_saves(s);
    wh__start_jobs(s);
    wh__settle(s);
    return s->revision;
}

uint64_t wh_publish(wh_session *s)
{
    if (!s)
        return 0;
    s->by_hand = true;
    wh_poll(s);
    s->by_hand = false;
    return s->revision;
}

/* ---- what runs ---- */

void wh__live_note(wh_session *s, const wh__module *m)
{
    wh__unit *u = wh__units_of(&s->units, m->origin);
    if (u)
        u->live = m->generation;
    if (!m->fast && !m->origin->builtin)
        wh__history_mark(&m->origin->history, m->generation, WH_RECORD_GOOD, "");
}

bool wh__live_is_pinned(const wh_session *s, const wh__origin *o)
{
    const wh__unit *u = wh__units_of(&s->units, o);
    return u && u->pinned;
}

/* ---- open and close ---- */

static void add_kernel_path(wh_session *s, const char *list)
{
    uint32_t rank = WH_RANK_PATH;
    char *copy = strdup(list ? list : ""), *rest = copy;
    for (char *folder; rest && (folder = strsep(&rest, ":"));)
        if (*folder && !wh__units_folder(&s->units, folder, folder, "", rank++))
            wh__push_event(s, WH_EV_REJECTED, folder, "%s: no such folder of kernels", folder)->status = WH_ERR_IO;
    free(copy);
}

static uint32_t count_awaited(const wh_session *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->units.unit_count; i++)
        count += s->units.unit[i]->awaited;
    return count;
}

/* For wh_progress: no cook runs yet. */
static void announce(wh_session *s, const char *what, uint32_t total, uint32_t left)
{
    atomic_store(&s->at_work, what);
    atomic_store(&s->work_done, left < total ? total - left : 0);
    atomic_store(&s->work_total, total);
}

static void build_all(wh_session *s)
{
    const uint32_t total = count_awaited(s);
    for (wh__start_jobs(s); wh__units_busy(&s->units); wh__start_jobs(s)) {
        if (s->units.running[WH_JOB_FULL] == 0)
            break; /* no thread could be had */
        announce(s, "building kernels", total, count_awaited(s));
        wh__units_wait(&s->units);
        wh__take_builds(s);
    }
    announce(s, "", 0, 0);
}

/* The file itself says where more kernels are: once they are built, it is read again. */
static void load_file(wh_session *s)
{
    wh__attempt a = {0};
    wh__plan *p = wh__try_plan(s, &a, true, WH_USE_FRESH);
    if (wh__units_busy(&s->units)) {
        wh__plan_drop(p);
        build_all(s);
        p = wh__try_plan(s, &a, true, WH_USE_FRESH);
    }
    wh__show_prints(s, &a);
    if (p)
        wh__publish_plan(s, p, (wh__publishing){.from_disk = true, .use = WH_USE_FRESH});
    else
        wh__reject(s, &a.mistakes, NULL);
    for (uint32_t i = 0; i < s->entry_count; i++)
        s->entry[i].arrived = false; /* what could be said of them is said */
    wh__clear_attempt(&a);
}

void wh__live_load(wh_session *s)
{
    wh__registry_commit(s, WH_USE_FRESH);
    if (s->file.s[0])
        load_file(s);
    s->units.fast = !s->frozen && s->units.canary && wh__canary_has_compiler();
    wh__choose_watch(s);
}

void wh__live_open(wh_session *s, const wh_options *o)
{
    s->opened_at = wh__wall_time();
    s->units.canary = s->frozen ? NULL : wh__canary_open();
    add_kernel_path(s, o->kernel_path);
    wh__units_scan(&s->units);
    build_all(s);
}

void wh__live_close(wh_session *s)
{
    wh__units_free(&s->units);
    wh__canary_close(s->units.canary);
    wh__sources_free(&s->good);
    wh__sources_free(&s->tried);
    for (uint32_t i = 0; i < s->watched_count; i++)
        free(s->watched[i]);
    free(s->watched);
    free(s->watched_time);
}
