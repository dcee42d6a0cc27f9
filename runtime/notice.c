/* notice.c - find out what was saved: by directory events, or by looking at every file now and then. */
#include "live.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY 0.25 /* seconds, without directory events */

/* ---- the files of the pipeline ---- */

/* The host may change its folder while it runs: relative paths keep the meaning that they had in wh_open. */
void wh__source_path(const wh_session *s, const wh__source *source, wh_path *out)
{
    if (!wh__path_join(out, s->folder.s, source->path))
        snprintf(out->s, sizeof out->s, "%s", source->path);
}

void wh__watch_sources(wh_session *s)
{
    for (size_t i = 0; s->watch && i < s->tried.count; i++) {
        wh_path full, real, folder;
        wh__source_path(s, &s->tried.item[i], &full);
        snprintf(folder.s, sizeof folder.s, "%.*s.", (int)(wh__base_name(full.s) - full.s), full.s);
        wh__watch_folder(s->watch, folder.s);
        if (!wh__path_real(&real, full.s)) /* a link's own folder, and that of what it leads to */
            continue;
        snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(real.s) - real.s), real.s);
        wh__watch_folder(s->watch, folder.s);
    }
}

bool wh__same_as_tried(const wh_session *s)
{
    for (size_t i = 0; i < s->tried.count; i++) {
        const wh__source *t = &s->tried.item[i];
        size_t size = 0;
        wh_path full;
        wh__source_path(s, t, &full);
        char *text = wh__read_file(full.s, &size);
        /* A file that is gone is not a save: it will be written again, or what ran stays. */
        const bool same = !text || (t->text && size == t->size && memcmp(text, t->text, size) == 0);
        free(text);
        if (!same)
            return false;
    }
    return true;
}

static uint64_t tried_signature(const wh_session *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->tried.count; i++) {
        wh_path full;
        wh__source_path(s, &s->tried.item[i], &full);
        sum = sum * 31 + wh__file_signature(full.s);
    }
    return sum;
}

static bool is_same_file(const char *a, const char *folder, const char *name)
{
    wh_path real, other;
    if (strcmp(wh__base_name(a), name) != 0)
        return false;
    return wh__path_real(&real, a) && wh__path_join(&other, folder, name) && wh__path_real(&other, other.s)
               ? strcmp(real.s, other.s) == 0
               : true; /* it is gone: look at it */
}

/* ---- files that the host watches ---- */

static void tell_watched(wh_session *s, uint32_t i, double saved)
{
    wh__event *last = s->last_event; /* one save may come as several events */
    const bool told = last && last->event.kind == WH_EV_FILE && strcmp(last->event.subject, s->watched[i]) == 0;
    wh_event *e = told ? &last->event : wh__push_event(s, WH_EV_FILE, s->watched[i], "%s: saved", s->watched[i]);
    e->saved = s->watched_time[i] = saved;
}

static void notice_watched(wh_session *s, const char *folder, const char *name)
{
    for (uint32_t i = 0; i < s->watched_count; i++) {
        const double saved = wh__saved_time(s->watched[i]);
        if (saved > 0 && (name ? is_same_file(s->watched[i], folder, name) : saved != s->watched_time[i]))
            tell_watched(s, i, saved);
    }
}

/* A file that was written a moment ago may still be. */
static void look_at_watched(wh_session *s)
{
    for (uint32_t i = 0; i < s->watched_count; i++) {
        const double saved = wh__saved_time(s->watched[i]);
        if (saved > 0 && saved != s->watched_time[i] && wh__wall_time() - saved > LOOK_EVERY)
            tell_watched(s, i, saved);
    }
}

wh_status wh_watch(wh_session *s, const char *path)
{
    wh_path real;
    if (!s || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_watch needs a session and a path");
    if (!wh__path_real(&real, path))
        return wh__fail(WH_ERR_IO, "%s: no such file", path);
    char **grown = realloc(s->watched, (s->watched_count + 1) * sizeof *grown);
    double *times = realloc(s->watched_time, (s->watched_count + 1) * sizeof *times);
    char *copy = strdup(real.s);
    if (grown)
        s->watched = grown;
    if (times)
        s->watched_time = times;
    if (!grown || !times || !copy) {
        free(copy);
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    }
    s->watched_time[s->watched_count] = wh__saved_time(real.s);
    s->watched[s->watched_count++] = copy;
    wh_path folder;
    snprintf(folder.s, sizeof folder.s, "%.*s", (int)(wh__base_name(real.s) - real.s), real.s);
    if (s->watch)
        wh__watch_folder(s->watch, folder.s);
    return WH_OK;
}

/* ---- noticing ---- */

void wh__choose_watch(wh_session *s)
{
    const wh__scene *scene = wh__scene_of(s);
    const wh_watch_mode mode = scene && scene->plan ? scene->plan->reload.watch : WH_WATCH_AUTO;
    bool far = wh__is_network_folder(s->file.s[0] ? s->file.s : s->folder.s);
    for (uint32_t i = 0; i < s->units.folder_count && !far; i++)
        far = wh__is_network_folder(s->units.folder[i].path.s);
    s->looks = !s->watch || mode == WH_WATCH_POLL || (mode == WH_WATCH_AUTO && far);
}

/* name NULL: folders came, went or moved, and everything may have changed. */
static void notice(void *context, const char *folder, const char *name)
{
    wh_session *s = context;
    const double now = wh__now();
    if (!name && s->watch) {
        wh__watch_sources(s);
        wh__units_rewatch(&s->units);
    }
    for (size_t i = 0; i < s->tried.count; i++) {
        wh_path full, real;
        wh__source_path(s, &s->tried.item[i], &full);
        if (name && !is_same_file(full.s, folder, name) &&
            !(wh__path_real(&real, full.s) && is_same_file(real.s, folder, name)))
            continue;
        if (!s->file_saved)
            s->noticed_at = now;
        s->file_saved = true;
        s->saved_at = wh__saved_time(full.s);
    }
    notice_watched(s, folder, name);
    wh__units_notice(&s->units, folder, name, now);
}

/* Without directory events everything is looked at now and then; what changes from one look to the next is being
 * written, and waits. */
static void look_at_all(wh_session *s)
{
    const double now = wh__now();
    if (now - s->looked_at < LOOK_EVERY)
        return;
    s->looked_at = now;
    wh__units_look(&s->units, now);
    const uint64_t signature = tried_signature(s);
    if (signature != s->tried_signature) {
        s->unsettled = true;
    } else if (s->unsettled) {
        s->unsettled = false;
        s->file_saved = true;
        s->noticed_at = now;
        s->saved_at = wh__wall_time();
    }
    s->tried_signature = signature;
    look_at_watched(s);
}

void wh__notice_saves(wh_session *s)
{
    if (s->watch)
        wh__watch_read(s->watch, notice, s);
    if (s->looks)
        look_at_all(s);
    if (s->units.rescan)
        wh__units_scan(&s->units);
}

/* ---- waiting ---- */

void wh_wait(wh_session *s, uint32_t milliseconds)
{
    if (s && s->looks && milliseconds > LOOK_EVERY * 1e3)
        milliseconds = (uint32_t)(LOOK_EVERY * 1e3);
    if (s && s->holds && milliseconds > 1)
        milliseconds = 1;
    if (s && milliseconds > 50 && wh__has_arrived(s)) /* it waits for others, but not for ever */
        milliseconds = 50;
    if (s && s->watch && !s->frozen) {
        wh__watch_wait(s->watch, milliseconds);
        return;
    }
    const struct timespec t = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&t, NULL);
}

void wh_wake(wh_session *s)
{
    if (s && s->watch)
        wh__watch_wake(s->watch);
}
