/* engine.c - see engine.h. */
#include "engine.h"
#include "chain.h"
#include "soup.h"
#include <stdio.h>
#include <string.h>

#define PART 4096        /* points that rays are counted for in one job */
#define FEW 256          /* points that are taken one by one, without memory of their own */
#define JUDGED 32        /* points that are judged together; so few need no tree, which takes longer to build */
#define CLOSEST 1e-5f    /* accuracy for points whose side the one that was asked for leaves open */
#define BESIDE 9.5367e-7 /* 2^-20: how far beside the surface, of the mesh's reach */
#define MEMORY_SHORT "winding: memory is short (use a coarser mesh)"
#define SLACK 4e-7f /* rounding of a sum of a whole number and a float */

struct wh_engine_lazy { /* what is built once somebody needs it; read and replaced as atomics */
    wh_crossing *crossing;
    wh_tree *tree; /* the judge's */
};

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

static void *get_cleared(const wh_host *host, size_t size)
{
    void *p = host->alloc(host, size);
    if (p)
        memset(p, 0, size);
    return p;
}

/* ---- build */

static void normalise(const wh_engine *e, const float p[3], float out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = (float)(((double)p[k] - e->center[k]) * e->scale);
}

/* All points of the mesh; those that no triangle has are not looked at. */
static float *normalised_points(const wh_host *host, const wh_engine *e, const wh_geometry *mesh)
{
    float *point = get(host, 3 * (uint64_t)mesh->point_count, sizeof *point);
    for (size_t i = 0; point && i < mesh->point_count; i++)
        normalise(e, mesh->position + 3 * i, point + 3 * i);
    return point;
}

static bool build_surface(const wh_host *host, const wh_geometry *mesh, const wh_soup *soup, const wh_chain *chain,
                          wh_engine *e, bool *sound)
{
    e->surface = get_cleared(host, sizeof *e->surface);
    e->caps = chain->cap_count;
    return e->surface && wh__surface_build(host, mesh->position, soup->triangle, soup->count, chain->cap,
                                           chain->cap_count, e->surface, sound);
}

static bool build_multipole(const wh_host *host, const wh_geometry *mesh, const uint32_t *triangle, uint32_t count,
                            wh_engine *e)
{
    float *point = normalised_points(host, e, mesh);
    e->multipole = get_cleared(host, sizeof *e->multipole);
    const bool ok = point && e->multipole && wh__multipole_build(host, point, triangle, count, e->multipole);
    host->free(host, point);
    return ok;
}

static bool build_caps(const wh_host *host, const wh_geometry *mesh, const wh_chain *chain, wh_engine *e)
{
    e->doubt = get_cleared(host, sizeof *e->doubt);
    return e->doubt && wh__doubt_build(host, mesh->position, chain->cap, chain->cap_count, e->doubt) &&
           build_multipole(host, mesh, chain->cap, chain->cap_count, e);
}

static void free_surface(const wh_host *host, wh_engine *e)
{
    if (e->surface)
        wh__surface_free(host, e->surface);
    host->free(host, e->surface);
    e->surface = NULL;
    e->caps = 0;
}

/* Whether the floats of its grid have room for the surface. */
static bool has_size(const wh_engine *e)
{
    double size = 0, reach = 0;
    for (int k = 0; k < 3; k++) {
        size = fmax(size, e->high[k] - e->low[k]);
        reach = fmax(reach, fmax(fabs(e->low[k]), fabs(e->high[k])));
    }
    return size > 1e-25 && reach < 1e25;
}

static bool build_parts(const wh_host *host, const wh_geometry *mesh, const wh_soup *soup, const wh_chain *chain,
                        wh_engine *e)
{
    const bool closed = (chain->open == 0 || chain->worth_closing) && has_size(e);
    bool sound;
    if (closed && !build_surface(host, mesh, soup, chain, e, &sound))
        return false;
    if (!closed)
        return build_multipole(host, mesh, soup->triangle, soup->count, e);
    return e->caps == 0 || build_caps(host, mesh, chain, e);
}

static void drop_rays(const wh_host *host, wh_crossing *c)
{
    if (c)
        wh__crossing_free(host, c);
    host->free(host, c);
}

static wh_crossing *build_rays(const wh_host *host, const wh_engine *e)
{
    wh_crossing *c = get_cleared(host, sizeof *c);
    if (c && wh__crossing_build(host, e->surface, c))
        return c;
    drop_rays(host, c);
    return NULL;
}

/* Threads that need them at once may build them twice; one of the two stays. */
static const wh_crossing *rays_of(const wh_engine *e, const wh_host *host)
{
    wh_crossing *known = __atomic_load_n(&e->lazy->crossing, __ATOMIC_ACQUIRE), *none = NULL;
    if (known || !host)
        return known;
    wh_crossing *built = build_rays(host, e);
    if (!built ||
        __atomic_compare_exchange_n(&e->lazy->crossing, &none, built, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return built;
    drop_rays(host, built);
    return none;
}

bool wh__engine_add_rays(const wh_engine *e, const wh_host *host)
{
    return !e->surface || rays_of(e, host);
}

static void take_box(wh_engine *e, const wh_soup *soup)
{
    memcpy(e->center, soup->center, sizeof e->center);
    memcpy(e->low, soup->low, sizeof e->low);
    memcpy(e->high, soup->high, sizeof e->high);
    e->scale = soup->scale;
    e->count = soup->count;
}

static bool build_any(const wh_host *host, const wh_geometry *mesh, wh_engine *e)
{
    wh_soup soup;
    wh_chain chain = {0};
    if (!wh__soup_make(host, mesh, &soup))
        return false;
    take_box(e, &soup);
    const bool ok = soup.count == 0 ||
                    (wh__chain_build(host, mesh->position, mesh->point_count, soup.triangle, soup.count, &chain) &&
                     build_parts(host, mesh, &soup, &chain, e));
    wh__chain_free(host, &chain);
    wh__soup_free(host, &soup);
    return ok;
}

/* Many meshes are closed as they come: nothing is to be welded, left out or capped. *done: this is one. */
static bool build_closed(const wh_host *host, const wh_geometry *mesh, wh_engine *e, bool *done)
{
    wh_soup soup = {.count = mesh->triangle_count, .scale = 1};
    const wh_chain none = {0};
    if (!wh__chain_closes(host, mesh->triangle, mesh->triangle_count, done))
        return false;
    soup.triangle = (uint32_t *)(uintptr_t)mesh->triangle;
    if (!*done || soup.count == 0)
        return true;
    if (!build_surface(host, mesh, &soup, &none, e, done))
        return false;
    for (int k = 0; *done && k < 3; k++)
        soup.low[k] = e->surface->low[k], soup.high[k] = e->surface->high[k];
    wh__soup_place(&soup);
    take_box(e, &soup);
    *done = *done && has_size(e);
    if (!*done)
        free_surface(host, e);
    return true;
}

bool wh__engine_add_layers(const wh_host *host, wh_engine *e)
{
    return !e->surface || wh__surface_add_layers(host, e->surface);
}

static bool build(const wh_host *host, const wh_geometry *mesh, wh_engine *e)
{
    bool done = false;
    e->lazy = get_cleared(host, sizeof *e->lazy);
    return e->lazy && build_closed(host, mesh, e, &done) && (done || build_any(host, mesh, e));
}

static void tell_way(const wh_host *host, const wh_engine *e)
{
    char text[200];
    const unsigned count = (unsigned)e->count, caps = (unsigned)e->caps;
    if (host->size < offsetof(wh_host, note) + sizeof host->note || count == 0)
        return;
    if (!e->surface)
        snprintf(text, sizeof text, "winding: %u triangles are summed by multipoles: holes would take too many caps",
                 count);
    else if (caps == 0)
        snprintf(text, sizeof text, "winding: %u triangles close: rays are counted", count);
    else
        snprintf(text, sizeof text,
                 "winding: %u triangles and %u caps over their holes: rays are counted, the caps "
                 "summed by multipoles",
                 count, caps);
    host->note(host, text);
}

wh_engine *wh__engine_build(const wh_host *host, const wh_geometry *mesh)
{
    if (mesh->point_count > WH_MOST_POINTS || mesh->triangle_count > WH_MOST_POINTS) {
        host->fail(host, "winding: more than 1073741823 points or triangles (split the mesh)");
        return NULL;
    }
    wh_engine *e = get_cleared(host, sizeof *e);
    if (e && build(host, mesh, e)) {
        tell_way(host, e);
        return e;
    }
    wh__engine_free(host, e);
    host->fail(host, MEMORY_SHORT);
    return NULL;
}

wh_engine *wh__engine_build_exact(const wh_host *host, const wh_geometry *mesh)
{
    wh_engine *e = get_cleared(host, sizeof *e);
    if (e)
        e->lazy = get_cleared(host, sizeof *e->lazy);
    if (!e || !e->lazy) {
        wh__engine_free(host, e);
        host->fail(host, MEMORY_SHORT);
        return NULL;
    }
    e->lazy->tree = wh__tree_build(host, mesh);
    if (e->lazy->tree)
        return e;
    wh__engine_free(host, e);
    return NULL;
}

const wh_tree *wh__engine_tree(const wh_engine *e)
{
    return e->lazy->tree;
}

void wh__engine_free(const wh_host *host, wh_engine *e)
{
    if (!e)
        return;
    free_surface(host, e);
    if (e->doubt)
        wh__doubt_free(host, e->doubt);
    host->free(host, e->doubt);
    if (e->multipole)
        wh__multipole_free(host, e->multipole);
    host->free(host, e->multipole);
    if (e->lazy) {
        wh__tree_free(host, e->lazy->tree);
        drop_rays(host, e->lazy->crossing);
    }
    host->free(host, e->lazy);
    host->free(host, e);
}

bool wh__engine_box(const wh_engine *e, double low[3], double high[3])
{
    memcpy(low, e->low, sizeof e->low);
    memcpy(high, e->high, sizeof e->high);
    return e->count > 0;
}

/* ---- points, in the unit box */

typedef struct {
    const wh_engine *engine;
    uint32_t count;
    const float *x, *y, *z;
    const wh_crossing *rays; /* NULL: what is whole is known, or there is no surface */
    int32_t *whole;          /* of the surface; NULL: there is none */
    float *nx, *ny, *nz;     /* normalised; NULL: there are no multipoles */
} points;

static void count_part(void *context, uint32_t part)
{
    const points *p = context;
    const uint32_t first = part * PART, count = p->count - first < PART ? p->count - first : PART;
    const wh_engine *e = p->engine;
    if (p->rays)
        wh__crossing_many(p->rays, count, p->x + first, p->y + first, p->z + first, p->whole + first);
    for (uint32_t i = first; p->nx && i < first + count; i++) {
        const float at[3] = {p->x[i], p->y[i], p->z[i]};
        float to[3];
        normalise(e, at, to);
        p->nx[i] = to[0], p->ny[i] = to[1], p->nz[i] = to[2];
    }
}

/* value holds what the multipoles give, or nothing when there are none. */
static void combine(const points *p, float *value, float *error)
{
    const bool summed = p->engine->multipole;
    for (uint32_t i = 0; p->whole && i < p->count; i++) {
        const bool known = p->whole[i] != WH_NOT_PROVEN;
        value[i] = (float)(known ? p->whole[i] : 0) - (summed ? value[i] : 0);
        if (error)
            error[i] = !known ? WH_ON_SURFACE : summed ? error[i] + SLACK : 0;
    }
}

static bool take_few(const wh_engine *e, const wh_host *host, uint32_t count, const float *x, const float *y,
                     const float *z, float accuracy, float *value, float *error)
{
    int32_t whole[FEW];
    float at[3][FEW];
    points p = {.engine = e, .count = count, .x = x, .y = y, .z = z};
    if (e->surface) {
        p.rays = rays_of(e, host);
        p.whole = whole;
        if (!p.rays)
            return false;
    }
    if (e->multipole)
        p.nx = at[0], p.ny = at[1], p.nz = at[2];
    count_part(&p, 0);
    for (uint32_t i = 0; p.nx && i < count; i++)
        value[i] = wh__multipole_one(e->multipole, p.nx[i], p.ny[i], p.nz[i], accuracy, error ? error + i : NULL);
    combine(&p, value, error);
    return true;
}

bool wh__engine_one(const wh_engine *e, const float point[3], float *value)
{
    const wh_crossing *rays = e->surface && !e->multipole ? rays_of(e, NULL) : NULL;
    int32_t whole = WH_NOT_PROVEN;
    if (rays)
        wh__crossing_many(rays, 1, point, point + 1, point + 2, &whole);
    *value = (float)whole;
    return whole != WH_NOT_PROVEN;
}

/* whole: what is known of the surface, or NULL. */
static bool take_many(const wh_engine *e, const wh_host *host, uint32_t count, const float *x, const float *y,
                      const float *z, int32_t *whole, float accuracy, float *value, float *error)
{
    points p = {.engine = e, .count = count, .x = x, .y = y, .z = z, .whole = whole};
    if (e->surface && !whole) {
        p.rays = rays_of(e, host);
        p.whole = get(host, count, sizeof *p.whole);
    }
    if (e->multipole)
        p.nx = get(host, 3 * (uint64_t)count, sizeof *p.nx);
    bool ok = (!e->surface || (p.whole && (whole || p.rays))) && (p.nx || !e->multipole);
    if (p.nx)
        p.ny = p.nx + count, p.nz = p.ny + count;
    ok = ok && host->parallel_for(host, count / PART + (count % PART > 0), count_part, &p);
    if (p.nx)
        ok = ok && wh__multipole_many(host, e->multipole, count, p.nx, p.ny, p.nz, accuracy, value, error);
    if (ok)
        combine(&p, value, error);
    if (!whole)
        host->free(host, p.whole);
    host->free(host, p.nx);
    return ok;
}

bool wh__engine_many(const wh_engine *e, const wh_host *host, uint32_t count, const float *x, const float *y,
                     const float *z, float accuracy, float *value, float *error)
{
    if (!e->multipole && !e->surface) {
        memset(value, 0, count * sizeof *value);
        if (error)
            memset(error, 0, count * sizeof *error);
        return true;
    }
    if (host && count > FEW)
        return take_many(e, host, count, x, y, z, NULL, accuracy, value, error);
    bool ok = true;
    for (uint32_t first = 0; ok && first < count; first += FEW)
        ok = take_few(e, host, count - first < FEW ? count - first : FEW, x + first, y + first, z + first, accuracy,
                      value + first, error ? error + first : NULL);
    return ok;
}

/* ---- beside the surface */

/* Directions are not quite diagonal, so that faces at 45 degrees do not lie along them. */
static float step(const wh_engine *e, float v, int axis, int sign)
{
    static const double slant[3] = {1, 0.83, 0.61};
    const double size = fmax(BESIDE / e->scale, fabs(v) * BESIDE) * slant[axis];
    return (float)(v + (sign ? size : -size));
}

bool wh__engine_beside(const wh_engine *e, const wh_host *host, uint32_t count, const float *x, const float *y,
                       const float *z, float accuracy, float *value, float *error)
{
    for (uint32_t i = 0; i < count; i++) {
        float at[3][8], near[8], off[8], sum = 0, worst = 0;
        int known = 0;
        if (error[i] < WH_ON_SURFACE)
            continue;
        for (int k = 0; k < 8; k++) {
            at[0][k] = step(e, x[i], 0, k & 1);
            at[1][k] = step(e, y[i], 1, k & 2);
            at[2][k] = step(e, z[i], 2, k & 4);
        }
        if (!wh__engine_many(e, host, 8, at[0], at[1], at[2], accuracy, near, off))
            return false;
        for (int k = 0; k < 8; k++)
            if (off[k] < WH_ON_SURFACE) {
                sum += near[k];
                worst = off[k] > worst ? off[k] : worst;
                known++;
            }
        value[i] = known ? sum / (float)known : 0.5f;
        error[i] = known ? worst : 0.5f;
    }
    return true;
}

/* ---- the judge */

/* Threads that need it at once may build it twice; one of the two stays. */
static const wh_tree *judges_tree(const wh_engine *e, const wh_host *host, const wh_geometry *mesh)
{
    wh_tree *known = __atomic_load_n(&e->lazy->tree, __ATOMIC_ACQUIRE), *none = NULL;
    if (known)
        return known;
    wh_tree *built = wh__tree_build(host, mesh);
    if (!built || __atomic_compare_exchange_n(&e->lazy->tree, &none, built, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return built;
    wh__tree_free(host, built);
    return none;
}

/* Points of a batch whose side is open. */
typedef struct {
    const wh_engine *engine;
    const wh_host *host;
    const wh_geometry *mesh;
    float at_least;
    const float *x, *y, *z; /* of the batch */
    float *value;
    uint8_t *inside;
    uint32_t *list; /* numbers in the batch */
    uint32_t count;
    const wh_tree *tree; /* NULL: so few that they are summed */
} open_points;

/* A part is a call of its own to whoever watches the time: of a large soup a thousand points may take minutes. */
static void judge_part(void *context, uint32_t part)
{
    const open_points *o = context;
    const uint32_t first = part * JUDGED, count = o->count - first < JUDGED ? o->count - first : JUDGED;
    float x[JUDGED], y[JUDGED], z[JUDGED];
    double winding[JUDGED];
    uint64_t scratch[2 * JUDGED];
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from = o->list[first + i];
        x[i] = o->x[from], y[i] = o->y[from], z[i] = o->z[from];
    }
    if (o->tree)
        wh__tree_winding_batch(o->tree, count, x, y, z, winding, scratch);
    else
        wh__tree_sum(o->mesh, o->engine->center, o->engine->scale, count, x, y, z, winding);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t to = o->list[first + i];
        o->value[to] = (float)winding[i];
        o->inside[to] = o->value[to] >= o->at_least;
    }
}

static bool judge(open_points *o)
{
    const bool has_tree = __atomic_load_n(&o->engine->lazy->tree, __ATOMIC_ACQUIRE);
    if (o->count == 0)
        return true;
    if (has_tree || o->count > JUDGED)
        o->tree = judges_tree(o->engine, o->host, o->mesh);
    if (!o->tree && (has_tree || o->count > JUDGED))
        return false;
    return o->host->parallel_for(o->host, o->count / JUDGED + (o->count % JUDGED > 0), judge_part, o);
}

/* Takes those from the list whose side a look as close as floats allow settles. Most are, and a judge is dear. */
static bool look_closer(open_points *o, const int32_t *whole)
{
    const wh_host *host = o->host;
    const size_t count = o->count;
    float *x = get(host, count, 5 * sizeof *x + sizeof *whole);
    if (!x)
        return false;
    float *y = x + count, *z = y + count, *value = z + count, *error = value + count;
    int32_t *known = (int32_t *)(error + count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t from = o->list[i];
        x[i] = o->x[from], y[i] = o->y[from], z[i] = o->z[from];
        known[i] = whole ? whole[from] : 0;
    }
    const bool ok = take_many(o->engine, host, o->count, x, y, z, whole ? known : NULL, CLOSEST, value, error);
    uint32_t left = 0;
    for (uint32_t i = 0; ok && i < count; i++) {
        const uint32_t to = o->list[i];
        if (fabsf(value[i] - o->at_least) <= error[i]) {
            o->list[left++] = to;
            continue;
        }
        o->value[to] = value[i];
        o->inside[to] = value[i] >= o->at_least;
    }
    o->count = left;
    host->free(host, x);
    return ok;
}

/* Lists the points whose side the error leaves open. */
static void take_sides(open_points *o, uint32_t count, const float *error)
{
    for (uint32_t i = 0; i < count; i++) {
        o->inside[i] = o->value[i] >= o->at_least;
        if (error[i] > 0 && fabsf(o->value[i] - o->at_least) <= error[i])
            o->list[o->count++] = i;
    }
}

bool wh__engine_inside(const wh_engine *e, const wh_host *host, const wh_geometry *mesh, float at_least, float accuracy,
                       uint32_t count, const float *x, const float *y, const float *z, int32_t *whole, float *value,
                       uint8_t *inside)
{
    float *error = get(host, count, sizeof *error + sizeof(uint32_t));
    if (!error)
        return false;
    open_points o = {.engine = e,
                     .host = host,
                     .mesh = mesh,
                     .at_least = at_least,
                     .x = x,
                     .y = y,
                     .z = z,
                     .value = value,
                     .inside = inside,
                     .list = (uint32_t *)(error + count)};
    bool ok = whole ? take_many(e, host, count, x, y, z, whole, accuracy, value, error)
                    : wh__engine_many(e, host, count, x, y, z, accuracy, value, error);
    if (ok)
        take_sides(&o, count, error);
    if (e->multipole && o.count)
        ok = ok && look_closer(&o, whole);
    ok = ok && judge(&o);
    host->free(host, error);
    return ok;
}
