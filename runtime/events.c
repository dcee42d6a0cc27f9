/* events.c - what happened, in order, until the host takes it. */
#include "session.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WARNINGS (sizeof((wh_session *)0)->warning / sizeof(char *))

void wh__warn(wh_session *s, const char *text)
{
    pthread_mutex_lock(&s->warn_lock);
    bool known = s->warning_count == MOST_WARNINGS;
    for (uint32_t i = 0; i < s->warning_count; i++)
        known = known || strcmp(s->warning[i], text) == 0;
    char *copy = known ? NULL : strdup(text);
    if (copy)
        s->warning[s->warning_count++] = copy;
    pthread_mutex_unlock(&s->warn_lock);
}

wh_event *wh__push_event(wh_session *s, wh_event_kind kind, const char *subject, const char *format, ...)
{
    static wh_event nowhere; /* written and never read when memory is short: an event is lost, not the host */
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
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

static void take_warnings(wh_session *s)
{
    char *taken[MOST_WARNINGS];
    pthread_mutex_lock(&s->warn_lock);
    const uint32_t count = s->warning_count;
    memcpy(taken, s->warning, sizeof taken);
    s->warning_count = 0;
    pthread_mutex_unlock(&s->warn_lock);
    for (uint32_t i = 0; i < count; i++) {
        wh__push_event(s, WH_EV_LOG, "warning", "%s", taken[i]);
        free(taken[i]);
    }
}

bool wh_next_event(wh_session *s, wh_event *out)
{
    if (!s || !out || out->size != sizeof *out)
        return false;
    take_warnings(s);
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
    take_warnings(s);
    free_event(s->taken_event);
    for (wh__event *e = s->first_event, *next; e; e = next) {
        next = e->next;
        free_event(e);
    }
}
