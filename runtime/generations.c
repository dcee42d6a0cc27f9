/* generations.c - list the generations of a kernel, go to one, hold two against each other. */
#include "cook.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static wh__module *live_module(const wh_session *s, const char *kernel)
{
    const wh__entry *e = s && kernel ? wh__registry_find(s, kernel) : NULL;
    return e && e->live ? e->live->module : NULL;
}

static wh_status no_kernel(const char *kernel)
{
    return wh__fail(WH_ERR_ARGUMENT, "there is no kernel '%s' (whorl kernels lists them)", kernel ? kernel : "");
}

/* ---- listing ---- */

uint32_t wh_generation_count(const wh_session *s, const char *kernel)
{
    wh_session *w = (wh_session *)s;
    const wh__module *m = live_module(s, kernel);
    if (!m || m->origin->builtin)
        return 0;
    free(w->shown.item);
    wh__origin_drop(w->shown_of);
    w->shown_of = wh__origin_keep(m->origin);
    w->shown = wh__history_read(&m->origin->history);
    return w->shown.count;
}

static uint32_t state_of(const wh_session *s, const wh__module *live, const wh__record *r)
{
    if (r->generation == live->generation)
        return WH_GENERATION_LIVE;
    if (r->state >= WH_RECORD_REFUSED)
        return WH_GENERATION_BAD;
    for (uint32_t i = 0; i < s->entry_count; i++) {
        const wh__kernel *fresh = s->entry[i].fresh;
        if (fresh && fresh->module->origin == live->origin && fresh->module->generation == r->generation)
            return WH_GENERATION_READY;
    }
    return WH_GENERATION_KEPT;
}

wh_status wh_generation_at(const wh_session *s, const char *kernel, uint32_t index, wh_generation_info *out)
{
    const wh__module *m = live_module(s, kernel);
    if (!m)
        return no_kernel(kernel);
    if (!out || out->size != sizeof *out || m->origin->builtin)
        return wh__fail(WH_ERR_ARGUMENT, "there is no generation %u of %s", index, kernel);
    if (s->shown_of != m->origin)
        wh_generation_count(s, kernel);
    if (index >= s->shown.count)
        return wh__fail(WH_ERR_ARGUMENT, "there is no generation %u of %s", index, kernel);
    const wh__record *r = &s->shown.item[index];
    *out = (wh_generation_info){.size = sizeof *out,
                                .generation = r->generation,
                                .state = state_of(s, m, r),
                                .fast = r->fast,
                                .saved = r->saved,
                                .note = r->note};
    return WH_OK;
}

/* ---- going to one ---- */

/* Loads generation `wanted` of that source; 0: the newest that is not bad. */
static wh__module *load(const wh__module *live, const char *kernel, uint32_t wanted, char *why, size_t size)
{
    wh__records list = wh__history_read(&live->origin->history);
    const wh__record *found = NULL;
    for (uint32_t i = 0; i < list.count; i++)
        if (wanted ? list.item[i].generation == wanted : list.item[i].state < WH_RECORD_REFUSED)
            found = &list.item[i];
    wh__module_request r = {.origin = live->origin, .copy = true};
    wh_path library;
    wh__module *m = NULL;
    if (!found)
        snprintf(why, size, "%s has no generation %u", kernel, wanted);
    else if (found->state >= WH_RECORD_REFUSED)
        snprintf(why, size, "%s generation %u is bad: %s", kernel, wanted, found->note);
    else if (!wh__history_library(&live->origin->history, found->key, &library, &r.fast))
        snprintf(why, size, "the library of %s generation %u is gone from the cache", kernel, found->generation);
    else {
        r.library = library.s;
        r.generation = found->generation;
        r.key = found->key;
        m = wh__module_load(&r, why, size);
    }
    free(list.item);
    return m;
}

/* What waits to be published would undo the choice. */
static void withdraw_others(wh_session *s, const wh__module *live)
{
    for (uint32_t i = 0; i < s->entry_count; i++) {
        const wh__kernel *fresh = s->entry[i].fresh;
        if (fresh && fresh->module->origin == live->origin && fresh->module->generation != live->generation)
            wh__registry_withdraw(s, fresh->module);
    }
}

wh_status wh_generation_use(wh_session *s, const char *kernel, uint32_t generation, bool pin)
{
    char why[700];
    const wh__module *live = live_module(s, kernel);
    if (!live)
        return no_kernel(kernel);
    wh__unit *u = wh__units_of(&s->units, live->origin);
    if (!u)
        return wh__fail(WH_ERR_ARGUMENT, "%s came with whorl: it has one generation", kernel);
    if (generation != live->generation) {
        wh__module *m = load(live, kernel, generation, why, sizeof why);
        if (m && generation == 0 && m->generation == live->generation)
            wh__module_drop(m);
        else if (!m || !wh__live_switch(s, m, why, sizeof why))
            return wh__fail(WH_ERR_ARGUMENT, "%s", why);
    }
    live = live_module(s, kernel);
    withdraw_others(s, live);
    u->pinned = pin ? live->generation : 0;
    u->chosen = generation != 0; /* the newest may be on its way */
    return WH_OK;
}

/* ---- comparing ---- */

typedef struct {
    wh__plan *plan;
    wh__module *module; /* loaded for this, or NULL when it is the one that runs */
} side;

static void drop_side(side *x)
{
    wh__plan_drop(x->plan);
    wh__module_drop(x->module);
}

static bool take_side(wh_session *s, const char *kernel, uint32_t generation, side *x, char *why, size_t size)
{
    wh__module *live = live_module(s, kernel);
    const wh__plan *p = wh__scene_of(s)->plan;
    if (generation == live->generation) {
        x->plan = (wh__plan *)p;
        wh__plan_keep(x->plan);
        return true;
    }
    x->module = load(live, kernel, generation, why, size);
    x->plan = x->module ? wh__plan_rebind(p, live, x->module) : NULL;
    if (x->module && !x->plan)
        snprintf(why, size, "generation %u lacks a kernel that the pipeline uses", generation);
    return x->plan;
}

static void compare_points(const float *a, const float *b, uint32_t count, wh_difference *out, float *distance)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t k = (size_t)i * 3;
        const double x = (double)a[k] - b[k], y = (double)a[k + 1] - b[k + 1], z = (double)a[k + 2] - b[k + 2];
        const double d = memcmp(a + k, b + k, 12) == 0 ? 0 : sqrt(x * x + y * y + z * z);
        if (distance)
            distance[i] = (float)d;
        if (d > out->largest || isnan(d)) {
            out->largest = d;
            out->largest_at = i;
        }
        sum += d;
    }
    out->point_count = count;
    out->mean = count ? sum / count : 0;
}

static wh_status compare_deformed(wh_session *s, side x[2], const wh_view *in, double seconds, wh_difference *out,
                                  float *distance)
{
    const size_t size = (size_t)in->point_count * 12 + 1;
    float *moved[2] = {malloc(size), malloc(size)};
    wh_status status = moved[0] && moved[1] ? WH_OK : wh__fail(WH_ERR_MEMORY, "out of memory");
    for (int i = 0; i < 2 && status == WH_OK; i++)
        status = wh__cook_plan(s, x[i].plan, in, seconds, wh__deform_plan, moved[i]);
    if (status == WH_OK)
        compare_points(moved[0], moved[1], in->point_count, out, distance);
    free(moved[0]);
    free(moved[1]);
    return status;
}

typedef struct {
    uint64_t id;
    uint32_t at;
} named;

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = ((const named *)a)->id, y = ((const named *)b)->id;
    return x < y ? -1 : x > y;
}

static named *by_id(const wh_points *p)
{
    named *order = malloc(((size_t)p->count + 1) * sizeof *order);
    for (uint32_t i = 0; order && i < p->count; i++)
        order[i] = (named){p->id[i], i};
    if (order && p->count)
        qsort(order, p->count, sizeof *order, compare_ids);
    return order;
}

static void add_pair(const wh_points *a, uint32_t i, const wh_points *b, uint32_t k, wh_difference *out)
{
    wh_difference one = {.largest = 0};
    compare_points(a->position + (size_t)i * 3, b->position + (size_t)k * 3, 1, &one, NULL);
    if (one.largest > out->largest || out->point_count == 0) {
        out->largest = one.largest;
        out->largest_at = i;
    }
    out->mean += one.largest;
    out->point_count++;
}

static void match(const wh_points *a, const named *p, const wh_points *b, const named *q, wh_difference *out)
{
    uint32_t i = 0, k = 0;
    while (i < a->count || k < b->count) {
        const bool a_left = i < a->count, b_left = k < b->count;
        if (a_left && b_left && p[i].id == q[k].id)
            add_pair(a, p[i++].at, b, q[k++].at, out);
        else if (a_left && (!b_left || p[i].id < q[k].id))
            out->only_a++, i++;
        else
            out->only_b++, k++;
    }
    out->mean = out->point_count ? out->mean / out->point_count : 0;
}

static wh_status compare_samples(wh_session *s, side x[2], const wh_view *in, double seconds, wh_difference *out)
{
    wh_points points[2] = {{.size = sizeof points[0]}, {.size = sizeof points[1]}};
    wh_status status = WH_OK;
    for (int i = 0; i < 2 && status == WH_OK; i++)
        status = wh__cook_plan(s, x[i].plan, in, seconds, wh__sample_plan, &(wh__sample_request){NULL, &points[i]});
    named *p = status == WH_OK ? by_id(&points[0]) : NULL, *q = status == WH_OK ? by_id(&points[1]) : NULL;
    if (p && q)
        match(&points[0], p, &points[1], q, out);
    else if (status == WH_OK)
        status = wh__fail(WH_ERR_MEMORY, "out of memory");
    free(p);
    free(q);
    wh_points_free(&points[0]);
    wh_points_free(&points[1]);
    return status;
}

static bool is_sampler(const wh__plan *p, const char *kernel)
{
    for (uint32_t i = 0; i < p->call_count; i++)
        if (strcmp(p->call[i]->kernel->id, kernel) == 0)
            return p->call[i]->role == WH_ROLE_SAMPLE;
    return false;
}

wh_status wh_compare(wh_session *s, const char *kernel, uint32_t a, uint32_t b, const wh_view *in, double seconds,
                     wh_difference *out, float *distance)
{
    side x[2] = {{NULL, NULL}, {NULL, NULL}};
    char why[700];
    if (!live_module(s, kernel))
        return no_kernel(kernel);
    if (!out || out->size != sizeof *out || wh__check_view(in) != WH_OK)
        return wh__fail(WH_ERR_ARGUMENT, "wh_compare needs a mesh and a place for the difference with its size set");
    if (!wh__scene_of(s) || !wh__scene_of(s)->plan)
        return wh__fail(WH_ERR_CONFIG, "there is no pipeline to run: none was loaded without a mistake");
    wh_difference found = {.size = sizeof found};
    wh_status status = WH_ERR_ARGUMENT;
    if (!take_side(s, kernel, a, &x[0], why, sizeof why) || !take_side(s, kernel, b, &x[1], why, sizeof why))
        wh__fail(status, "%s", why);
    else if (is_sampler(x[0].plan, kernel))
        status = compare_samples(s, x, in, seconds, &found);
    else
        status = compare_deformed(s, x, in, seconds, &found, distance);
    drop_side(&x[0]);
    drop_side(&x[1]);
    if (status == WH_OK)
        *out = found;
    return status;
}
