/* crashes.c - a kernel crashed in a cook, and the cook went on with another: say so, and put the registry right. */
#include "live.h"
#include <stdlib.h>
#include <string.h>

static bool find_line(const wh__module *m, uintptr_t address, char *file, size_t size, uint32_t *line)
{
    return address > m->base && wh__source_line(m->path.s, address - m->base, file, size, line);
}

static void note_crash(wh_session *s, const wh__crash *c)
{
    char file[600], text[900], place[700] = "";
    uint32_t line = 0;
    const wh__module *m = c->bad;
    if (find_line(m, c->fault.at, file, sizeof file, &line) || find_line(m, c->fault.caller, file, sizeof file, &line))
        snprintf(place, sizeof place, "%.500s:%u",
                 strcmp(wh__base_name(file), wh__base_name(m->origin->source.s)) == 0 ? m->origin->source.s : file,
                 line);
    snprintf(text, sizeof text, "%s: %s generation %u: %s", place[0] ? place : c->at, c->id, m->generation,
             c->fault.text);
    if (!m->origin->builtin)
        wh__history_mark(&m->origin->history, m->generation, c->fault.signal ? WH_RECORD_BAD : WH_RECORD_REFUSED, text);
    wh__registry_replace(s, c->bad, c->good);
    s->revision++;
    wh_event *e = c->good
                      ? wh__push_event(s, WH_EV_REJECTED, c->id, "%s; generation %u runs on", text, c->good->generation)
                      : wh__push_event(s, WH_EV_REJECTED, c->id, "%s%s", text,
                                       wh__scene_of(s)->failure ? "; cooks fail until it is mended" : "");
    e->status = WH_ERR_KERNEL;
    e->line = line;
    e->generation = m->generation;
    e->fast = m->fast;
}

void wh__take_crashes(wh_session *s)
{
    for (wh__crash *c; (c = wh__scene_take_crash(s)); free(c)) {
        note_crash(s, c);
        wh__unit *u = wh__units_of(&s->units, c->bad->origin);
        if (u) {
            u->crashed = c->bad->key;
            u->live = c->good ? c->good->generation : 0;
            if (u->pinned == c->bad->generation)
                u->pinned = 0; /* what mends it must not wait behind it */
        }
        wh__module_drop(c->good);
    }
}
