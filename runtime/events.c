/* events.c - what happened, in order, until the host takes it. */
#include "session.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOLD (sizeof((wh_session *)0)->told / sizeof(wh__told))

void wh__tell(wh_session *s, wh_event_kind kind, const char *text)
{
    pthread_mutex_lock(&s->told_lock);
    bool known = s->told_count == MOST_TOLD;
    for (uint32_t i = 0; i < s->told_count; i++)
        known = known || strcmp(s->told[i].text, text) == 0;
    char *copy = known ? NULL : strdup(text);
    if (copy)
        s->told[s->told_count++] = (wh__told){copy, kind};
    pthread_mutex_unlock(&s->told_lock);
}

wh_event *wh__push_event(wh_session *s, wh_event_kind kind, const char *subject, const char *format, ...)
{
    static wh_event nowhere; /* written and never read when memory is short: an event is lost, not the host */
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wh__note_event(s, kind, subject, text);
    wh__event *e = calloc(1, sizeof *e);
    char *copy = strdup(text), *name = strdup(subject);
    if (!e || !copy || !name) {
        free(e);
        free(copy);
        free(name);
        return &nowhere;
    }
    e->event =
        (wh_event){.size = sizeof e->event, .kind = kind, .subject = name, .text = copy, .revision = s->revision};
    if (s->last_event)
        s->last_event->next = e;
    else
        s->first_event = e;
    s->last_event = e;
    return &e->event;
}

void wh__push_step(wh_session *s, wh_reload_step step, const char *subject, const wh__module *m, double milliseconds)
{
    static const char *const names[] = {"noticed", "built", "loaded", "checked", "tried", "published", "retired"};
    wh_event *e = m ? wh__push_event(s, WH_EV_STEP, subject, "%s generation %u%s: %s", subject, m->generation,
                                     m->fast ? " (fast)" : "", names[step - 1])
                    : wh__push_event(s, WH_EV_STEP, subject, "%s: %s", subject, names[step - 1]);
    e->step = step;
    e->generation = m ? m->generation : 0;
    e->fast = m && m->fast;
    e->milliseconds = milliseconds;
}

static void free_event(wh__event *e)
{
    if (!e)
        return;
    free((char *)e->event.subject);
    free((char *)e->event.text);
    free(e);
}

static void take_told(wh_session *s)
{
    wh__told taken[MOST_TOLD];
    pthread_mutex_lock(&s->told_lock);
    const uint32_t count = s->told_count;
    memcpy(taken, s->told, sizeof taken);
    s->told_count = 0;
    pthread_mutex_unlock(&s->told_lock);
    for (uint32_t i = 0; i < count; i++) {
        wh__push_event(s, taken[i].kind, taken[i].kind == WH_EV_LOG ? "warning" : "note", "%s", taken[i].text);
        free(taken[i].text);
    }
}

bool wh_next_event(wh_session *s, wh_event *out)
{
    if (!s || !out || out->size != sizeof *out)
        return false;
    take_told(s);
    free_event(s->taken_event);
    s->taken_event = s->first_event;
    if (!s->first_event)
        return false;
    s->first_event = s->first_event->next;
    if (!s->first_event)
        s->last_event = NULL;
    *out = s->taken_event->event;
    return true;
}

void wh__free_events(wh_session *s)
{
    take_told(s);
    free_event(s->taken_event);
    for (wh__event *e = s->first_event, *next; e; e = next) {
        next = e->next;
        free_event(e);
    }
}
