/* params.c - the parameters that a pipeline exposes, and how their values cross a reload: by name. */
#include "session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const wh__scene *scene_of(const wh_session *s)
{
    static const wh__scene none;
    const wh__scene *scene = s ? wh__scene_of(s) : NULL;
    return scene ? scene : &none;
}

static int find_param(const wh__plan *p, const char *id)
{
    for (uint32_t i = 0; p && i < p->param_count; i++)
        if (strcmp(p->param[i].id, id) == 0)
            return (int)i;
    return -1;
}

/* Where a parameter was before: under its id, or the one that its kernel's declaration gives as the former. */
static int find_former(const wh__plan *old, const wh__param *p)
{
    const int same = find_param(old, p->id);
    return same < 0 && p->was[0] ? find_param(old, p->was) : same;
}

static const wh__param *find_heir(const wh__plan *next, const wh__plan *old, uint32_t index)
{
    for (uint32_t i = 0; i < next->param_count; i++)
        if (find_former(old, &next->param[i]) == (int)index)
            return &next->param[i];
    return NULL;
}

/* ---- values ---- */

/* The number of a word in "x|y|z"; -1: it is not there. */
static int find_choice(const char *choices, const char *word, size_t length)
{
    for (int i = 0; choices; i++) {
        const size_t size = strcspn(choices, "|");
        if (size == length && strncmp(choices, word, length) == 0)
            return i;
        choices = choices[size] ? choices + size + 1 : NULL;
    }
    return -1;
}

/* A choice stays the same word, whatever its number is now. */
static bool carry_choice(const wh__param *old, double value, const wh__param *now, double *out)
{
    const char *word = old->choices;
    for (int i = 0; i < (int)value && word; i++) {
        word = strchr(word, '|');
        word = word ? word + 1 : NULL;
    }
    const int index = word ? find_choice(now->choices, word, strcspn(word, "|")) : -1;
    if (index >= 0)
        *out = index;
    return index >= 0;
}

static bool carry_value(const wh__param *old, double value, const wh__param *now, double *out)
{
    if ((old->type == WH_CHOICE) != (now->type == WH_CHOICE))
        return false;
    if (now->type == WH_CHOICE)
        return carry_choice(old, value, now, out);
    value = now->type == WH_FLOAT ? value : now->type == WH_BOOL ? value != 0 : round(value);
    *out = value < now->min ? now->min : value > now->max ? now->max : value;
    return true;
}

/* A value that the host has set stays, made to fit; the others follow the file. */
wh__settings *wh__settings_carry(wh_session *s, const wh__plan *next, bool **is_set)
{
    const wh__scene *scene = scene_of(s);
    wh__settings *settings = wh__settings_new(next->param_count);
    *is_set = calloc(next->param_count + 1, sizeof **is_set);
    if (!settings || !*is_set) {
        wh__settings_drop(settings);
        free(*is_set);
        return NULL;
    }
    for (uint32_t i = 0; i < next->param_count; i++) {
        const wh__param *p = &next->param[i];
        const int from = find_former(scene->plan, p);
        const wh__param *old = from >= 0 && s->is_set[from] ? &scene->plan->param[from] : NULL;
        memcpy(settings->value[i], p->init, sizeof settings->value[i]);
        for (uint32_t k = 0; old && k < p->count && k < old->count; k++)
            (*is_set)[i] |= carry_value(old, scene->settings->value[from][k], p, &settings->value[i][k]);
    }
    return settings;
}

/* ---- telling ---- */

static void add_text(char *text, size_t size, const char *what, const char *id)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s%s", used ? ", " : "", what, id);
}

static bool same_face(const wh__param *a, const wh__param *b)
{
    return memcmp(a->init, b->init, sizeof a->init) == 0 && strcmp(a->label, b->label) == 0 &&
           strcmp(a->unit, b->unit) == 0 && strcmp(a->doc, b->doc) == 0 && strcmp(a->choices, b->choices) == 0;
}

static void tell_change(const wh__param *old, const wh__param *now, char *text, size_t size)
{
    char both[600];
    snprintf(both, sizeof both, "%.280s to %.280s", old->id, now->id);
    if (strcmp(old->id, now->id) != 0)
        add_text(text, size, "renamed ", both);
    if (old->type != now->type || old->count != now->count)
        add_text(text, size, "retyped ", now->id);
    else if (old->min != now->min || old->max != now->max)
        add_text(text, size, "new range of ", now->id);
    else if (!same_face(old, now))
        add_text(text, size, "changed ", now->id);
}

void wh__params_announce(wh_session *s, const wh__plan *old, const wh__plan *next)
{
    char text[1024] = "";
    for (uint32_t i = 0; i < next->param_count; i++)
        if (find_former(old, &next->param[i]) < 0)
            add_text(text, sizeof text, "added ", next->param[i].id);
    for (uint32_t i = 0; old && i < old->param_count; i++)
        if (!find_heir(next, old, i))
            add_text(text, sizeof text, "removed ", old->param[i].id);
    for (uint32_t i = 0; i < next->param_count; i++) {
        const int from = find_former(old, &next->param[i]);
        if (from >= 0)
            tell_change(&old->param[from], &next->param[i], text, sizeof text);
    }
    if (text[0])
        wh__push_event(s, WH_EV_PARAMS, s->file.s, "%s", text);
}

uint32_t wh_param_count(const wh_session *s)
{
    const wh__plan *p = scene_of(s)->plan;
    return p ? p->param_count : 0;
}

wh_status wh_param_at(const wh_session *s, uint32_t index, wh_param *out)
{
    if (!s || !out || out->size != sizeof *out || index >= wh_param_count(s))
        return wh__fail(WH_ERR_ARGUMENT, "there is no parameter %u", index);
    const wh__scene *scene = scene_of(s);
    const wh__param *p = &scene->plan->param[index];
    *out = (wh_param){.size = sizeof *out,
                      .type = p->type,
                      .count = p->count,
                      .id = p->id,
                      .was = p->was,
                      .label = p->label,
                      .unit = p->unit,
                      .doc = p->doc,
                      .choices = p->choices,
                      .min = p->min,
                      .max = p->max};
    memcpy(out->init, p->init, sizeof out->init);
    memcpy(out->value, scene->settings->value[index], sizeof out->value);
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

static double hold(const wh__param *p, double value)
{
    value = p->type == WH_FLOAT ? value : round(value);
    return value < p->min ? p->min : value > p->max ? p->max : value;
}

static const wh_setting *find_setting(const wh_view *view, const char *id)
{
    for (uint32_t i = 0; i < view->setting_count; i++)
        if (strcmp(view->setting[i].id, id) == 0)
            return &view->setting[i];
    return NULL;
}

const double *wh__setting_of(const wh__plan *p, uint32_t index, const wh__settings *all, const wh_view *view,
                             double held[4])
{
    const double *value = all->value[index];
    const wh__param *param = &p->param[index];
    const wh_setting *given = find_setting(view, param->id);
    if (!given && param->was[0])
        given = find_setting(view, param->was);
    for (uint32_t k = 0; given && k < 4; k++)
        held[k] = isnan(given->value[k]) ? value[k] : hold(param, given->value[k]);
    return given ? held : value;
}

static wh_status unknown_param(const wh_session *s, const char *id)
{
    char names[1024] = "";
    const wh__plan *p = scene_of(s)->plan;
    for (uint32_t i = 0; p && i < p->param_count; i++)
        add_text(names, sizeof names, "", p->param[i].id);
    if (!names[0])
        return wh__fail(WH_ERR_ARGUMENT, "no parameter '%s': the pipeline exposes none (use expose(value, \"Label\"))",
                        id);
    return wh__fail(WH_ERR_ARGUMENT, "no parameter '%s' (the pipeline exposes %s)", id, names);
}

wh_status wh_param_set(wh_session *s, const char *id, const double value[4])
{
    if (!s || !id || !value)
        return wh__fail(WH_ERR_ARGUMENT, "wh_param_set needs a session, an id and a value");
    const wh__scene *scene = scene_of(s);
    const int index = find_param(scene->plan, id);
    if (index < 0)
        return unknown_param(s, id);
    const wh__param *p = &scene->plan->param[index];
    if (check_value(p, value) != WH_OK)
        return WH_ERR_ARGUMENT;
    if (s->is_set[index] && memcmp(scene->settings->value[index], value, p->count * sizeof value[0]) == 0)
        return WH_OK;
    wh__settings *now = wh__settings_new(scene->plan->param_count);
    if (!now)
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    memcpy(now->value, scene->settings->value, now->count * sizeof now->value[0]);
    memcpy(now->value[index], value, p->count * sizeof value[0]);
    if (!wh__scene_set(s, now))
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    s->is_set[index] = true;
    s->revision++;
    wh__scene_sweep(s); /* a host that sets and never polls must not grow */
    return WH_OK;
}
