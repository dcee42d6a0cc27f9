/* equip.c - what a session that reloads has about it: watcher, guard, cache, a place for what jobs bring. */
#include "session.h"
#include <string.h>

static void remove_stale(void *context, const char *name)
{
    const wh_session *s = context;
    const char *dot = strchr(name, '.');
    unsigned process, serial;
    int end = 0;
    wh_path path;
    if (dot && sscanf(dot, ".%u.%u.%n", &process, &serial, &end) == 2 && end > 0 && !wh__process_alive(process) &&
        wh__path_join(&path, s->cache.s, name))
        remove(path.s);
}

static bool open_cache(wh_session *s, const char *wanted)
{
    if (wanted && *wanted)
        snprintf(s->cache.s, sizeof s->cache.s, "%s", wanted);
    else if (!wh__cache_folder(&s->cache))
        return false;
    wh_path probe;
    char name[64];
    snprintf(name, sizeof name, ".probe-%u", wh__process_id());
    if (!wh__make_folders(s->cache.s) || !wh__path_real(&s->cache, s->cache.s) ||
        !wh__path_join(&probe, s->cache.s, name) || !wh__write_file(probe.s, "", 0))
        return false;
    remove(probe.s);
    return true;
}

static void open_watch(wh_session *s)
{
    char why[200];
    if (s->frozen)
        return;
    s->watch = s->units.watch = wh__watch_open(why, sizeof why);
    if (!s->watch)
        wh__push_event(s, WH_EV_LOG, "watch", "files are looked at four times a second: %s", why);
}

static void open_guard(wh_session *s, const wh_options *o)
{
    char why[200];
    s->guarded = !o->unguarded && wh__guard_install(why, sizeof why);
    if (!o->unguarded && !s->guarded)
        wh__push_event(s, WH_EV_LOG, "guard", "a kernel that crashes takes this process with it: %s", why);
}

void wh__equip(wh_session *s, const wh_options *o)
{
    wh__inputs_init(&s->inputs);
    wh__units_init(&s->units);
    s->units.compiler = s->compiler;
    s->units.cache = s->cache.s;
    open_watch(s);
    open_guard(s, o);
    if (open_cache(s, o->cache_path))
        wh__each_file(s->cache.s, remove_stale, s);
    else {
        wh__push_event(s, WH_EV_LOG, "cache", "%s: the cache folder cannot be written: kernels will not be built",
                       s->cache.s);
        s->cache.s[0] = 0;
    }
}

void wh__unequip(wh_session *s)
{
    wh__forget_crashes(s);
    wh__watch_close(s->watch);
    wh__inputs_free(&s->inputs);
    if (s->guarded)
        wh__guard_remove();
}
