/* params.c - the parameters that a pipeline exposes, and how their values cross a reload: by name. */
#include "session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int find_param(const wh__plan *p, const char *id)
{
    for (uint32_t i = 0; p && i < p->param_count; i++)
        if (strcmp(p->param[i].id, id) == 0)
            return (int)i;
    return -1;
}

static double clamp(double v, const wh__param *p)
{
    v = p->type == WH_FLOAT ? v : round(v);
    return v < p->min ? p->min : v > p->max ? p->max : v;
}

/* A float may become an int and back; the number of a choice means nothing elsewhere. */
static bool alike(const wh__param *a, const wh__param *b)
{
    const bool numbers = a->type <= WH_INT && b->type <= WH_INT;
    return a->count == b->count && (numbers || (a->type == b->type && strcmp(a->choices, b->choices) == 0));
}

/* A value that the host has set stays, clamped to the new range; the others follow the file. */
wh__settings *wh__settings_carry(wh_session *s, const wh__plan *next, bool **is_set)
{
    wh__settings *settings = wh__settings_new(next->param_count);
    *is_set = calloc(next->param_count + 1, sizeof **is_set);
    if (!settings || !*is_set) {
        wh__settings_drop(settings);
        free(*is_set);
        return NULL;
    }
    for (uint32_t i = 0; i < next->param_count; i++) {
        const wh__param *p = &next->param[i];
        const int old = find_param(s->plan, p->id);
        const bool kept = old >= 0 && s->is_set[old] && alike(&s->plan->param[old], p);
        (*is_set)[i] = kept;
        for (uint32_t k = 0; k < p->count; k++)
            settings->value[i][k] = kept ? clamp(s->settings->value[old][k], p) : p->init[k];
    }
    return settings;
}

static void list_new(const wh__plan *p, const wh__plan *other, const char *word, char *text, size_t size)
{
    for (uint32_t i = 0; p && i < p->param_count; i++) {
        const size_t used = strlen(text);
        if (find_param(other, p->param[i].id) < 0)
            snprintf(text + used, size - used, "%s%s%s", used ? ", " : "", word, p->param[i].id);
    }
}

static bool same_param(const wh__param *a, const wh__param *b)
{
    return a->type == b->type && a->count == b->count && a->min == b->min && a->max == b->max &&
           memcmp(a->init, b->init, sizeof a->init) == 0 && strcmp(a->label, b->label) == 0 &&
           strcmp(a->unit, b->unit) == 0 && strcmp(a->doc, b->doc) == 0 && strcmp(a->choices, b->choices) == 0;
}

static void list_changed(const wh__plan *old, const wh__plan *next, char *text, size_t size)
{
    for (uint32_t i = 0; i < next->param_count; i++) {
        const size_t used = strlen(text);
        const int other = find_param(old, next->param[i].id);
        if (other >= 0 && !same_param(&old->param[other], &next->param[i]))
            snprintf(text + used, size - used, "%schanged %s", used ? ", " : "", next->param[i].id);
    }
}

void wh__params_announce(wh_session *s, const wh__plan *old, const wh__plan *next)
{
    char text[1024] = "";
    list_new(next, old, "added ", text, sizeof text);
    list_new(old, next, "removed ", text, sizeof text);
    list_changed(old, next, text, sizeof text);
    if (text[0])
        wh__push_event(s, WH_EV_PARAMS, s->file.s, "%s", text);
}

uint32_t wh_param_count(const wh_session *s)
{
    return s && s->plan ? s->plan->param_count : 0;
}

wh_status wh_param_at(const wh_session *s, uint32_t index, wh_param *out)
{
    if (!s || !out || out->size != sizeof *out || index >= wh_param_count(s))
        return wh__fail(WH_ERR_ARGUMENT, "there is no parameter %u", index);
    const wh__param *p = &s->plan->param[index];
    *out = (wh_param){.size = sizeof *out,
                      .type = p->type,
                      .count = p->count,
                      .id = p->id,
                      .label = p->label,
                      .unit = p->unit,
                      .doc = p->doc,
                      .choices = p->choices,
                      .min = p->min,
                      .max = p->max};
    memcpy(out->init, p->init, sizeof out->init);
    memcpy(out->value, s->settings->value[index], sizeof out->value);
    return WH_OK;
}

static wh_status check_value(const wh__param *p, const double *value)
{
    for (uint32_t k = 0; k < p->count; k++) {
        const char *space = p->unit[0] ? " " : "";
        if (!(value[k] >= p->min && value[k] <= p->max))
            return wh__fail(WH_ERR_ARGUMENT, "%s = %g%s%s is outside %g .. %g", p->id, value[k], space, p->unit, p->min,
                            p->max);
        if (p->type != WH_FLOAT && value[k] != round(value[k]))
            return wh__fail(WH_ERR_ARGUMENT, "%s = %g is not a whole number", p->id, value[k]);
    }
    return WH_OK;
}

static wh_status unknown_param(const wh_session *s, const char *id)
{
    char names[1024] = "";
    list_new(s->plan, NULL, "", names, sizeof names);
    if (!names[0])
        return wh__fail(WH_ERR_ARGUMENT, "no parameter '%s': the pipeline exposes none (use expose(value, \"Label\"))",
                        id);
    return wh__fail(WH_ERR_ARGUMENT, "no parameter '%s' (the pipeline exposes %s)", id, names);
}

wh_status wh_param_set(wh_session *s, const char *id, const double value[4])
{
    if (!s || !id || !value)
        return wh__fail(WH_ERR_ARGUMENT, "wh_param_set needs a session, an id and a value");
    const int index = find_param(s->plan, id);
    if (index < 0)
        return unknown_param(s, id);
    const wh__param *p = &s->plan->param[index];
    if (check_value(p, value) != WH_OK)
        return WH_ERR_ARGUMENT;
    if (s->is_set[index] && memcmp(s->settings->value[index], value, p->count * sizeof value[0]) == 0)
        return WH_OK;
    wh__settings *now = wh__settings_new(s->plan->param_count), *old = s->settings;
    if (!now)
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    memcpy(now->value, old->value, now->count * sizeof now->value[0]);
    memcpy(now->value[index], value, p->count * sizeof value[0]);
    pthread_mutex_lock(&s->pin_lock);
    s->settings = now;
    pthread_mutex_unlock(&s->pin_lock);
    wh__settings_drop(old);
    s->is_set[index] = true;
    s->revision++;
    return WH_OK;
}
