/* inside.c - points in a mesh, where its winding number is high: a lattice, or so many random ones. See tree.h. */
#include "tree.h"
#include <stdio.h>

/* clang-format off */
WH_PARAMS(sample_inside,
    float spacing  WH_UI(0.05, min = 1e-6, max = 1e6, unit = "m", doc = "Distance between the points of the lattice");
    int   across   WH_UI(0, min = 0, max = 1000000,
                         doc = "So many steps along the longest side of the mesh give the spacing; 0: it is as given");
    int   count    WH_UI(0, min = 0, max = 100000000, doc = "So many random points; 0: a lattice");
    float at_least WH_UI(0.5, min = -4, max = 4, doc = "Keep points whose winding number is this or more; on a face it is about 0.5");
    int   seed     WH_UI(0, min = 0, max = 2147483647, doc = "Other random points");
)
/* clang-format on */

#define MOST 1099511627776.0 /* candidates of a lattice; more would take days */
#define BIAS 1048576         /* an id holds three 21-bit numbers, so lattice numbers are -2^20 .. 2^20 - 1 */

/* The points of a lattice are whole multiples of the spacing, so that they stay where they are when the mesh moves. */
typedef struct {
    double spacing;
    int64_t first[3];
    uint64_t count[3];
} lattice;

static bool fail_range(const wh_host *host, double index, double spacing)
{
    char text[192];
    snprintf(
        text, sizeof text,
        "the lattice reaches %.0f steps of %g m from the origin, more than %d (raise spacing to %g or more, or move "
        "the mesh to the origin)",
        index, spacing, BIAS - 1, spacing * index / (BIAS - 1) * 1.01);
    host->fail(host, text);
    return false;
}

static bool fail_size(const wh_host *host, double points, double spacing)
{
    char text[160];
    snprintf(
        text, sizeof text,
        "a lattice with spacing %g m has %.4g points in the box of the mesh, more than %.0f (raise spacing to %g or "
        "more)",
        spacing, points, MOST, spacing * cbrt(points / MOST) * 1.01);
    host->fail(host, text);
    return false;
}

static double choose_spacing(const sample_inside *p, const double low[3], const double high[3])
{
    const double longest = fmax(high[0] - low[0], fmax(high[1] - low[1], high[2] - low[2]));
    return p->across && longest > 0 ? longest / p->across : p->spacing;
}

/* False after host->fail; host NULL: known to be fine. */
static bool make_lattice(const wh_host *host, const wh_tree *tree, const sample_inside *p, lattice *out)
{
    double low[3], high[3], points = 1;
    *out = (lattice){.spacing = p->spacing};
    if (!wh__tree_box(tree, low, high))
        return true;
    const double spacing = out->spacing = choose_spacing(p, low, high);
    for (int k = 0; k < 3; k++) {
        double first = ceil(low[k] / spacing), last = floor(high[k] / spacing);
        double reach = fmax(fabs(first), fabs(last));
        if (reach > BIAS - 1)
            return host && fail_range(host, reach, spacing);
        out->first[k] = (int64_t)first;
        out->count[k] = last < first ? 0 : (uint64_t)(last - first) + 1;
        points *= (double)out->count[k];
    }
    return points <= MOST || (host && fail_size(host, points, spacing));
}

static bool sample_inside_plan(const wh_host *host, const wh_geometry *mesh, const void *params, const void *state,
                               wh_sample_plan *out)
{
    const sample_inside *p = params;
    double low[3], high[3];
    lattice l;
    (void)mesh;
    if (p->count) {
        uint64_t wanted = (uint64_t)p->count;
        out->wanted = wanted;
        out->candidates = wh__tree_box(state, low, high) ? 1000 * wanted + 1000000 : 0;
        out->block = wanted < 256 ? 64 : wanted > 16384 ? 4096 : (uint32_t)wanted / 4; /* some for every thread */
        return true;
    }
    if (!make_lattice(host, state, p, &l))
        return false;
    out->wanted = UINT64_MAX;
    out->candidates = l.count[0] * l.count[1] * l.count[2];
    out->block = 16384;
    return true;
}

/* Writes candidate i of the lattice, x fastest; returns its id. */
static uint64_t lattice_point(const lattice *l, uint64_t i, float *x, float *y, float *z)
{
    int64_t nx = l->first[0] + (int64_t)(i % l->count[0]);
    int64_t ny = l->first[1] + (int64_t)(i / l->count[0] % l->count[1]);
    int64_t nz = l->first[2] + (int64_t)(i / l->count[0] / l->count[1]);
    *x = (float)((double)nx * l->spacing);
    *y = (float)((double)ny * l->spacing);
    *z = (float)((double)nz * l->spacing);
    return (uint64_t)(nx + BIAS) | (uint64_t)(ny + BIAS) << 21 | (uint64_t)(nz + BIAS) << 42;
}

/* The finisher of splitmix64 (G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014). */
static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

/* A number in 0 .. 1, 1 excluded, that depends on nothing but these three. */
static double unit(uint64_t seed, uint64_t i, uint64_t axis)
{
    return (double)(mix(mix(seed + 0x9e3779b97f4a7c15u) + (3 * i + axis + 1) * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
}

static void set_candidates(const wh_sample_block *b)
{
    const sample_inside *p = b->params;
    double low[3], high[3];
    uint64_t seed = (uint64_t)p->seed;
    lattice l;
    if (!p->count && !make_lattice(NULL, b->state, p, &l))
        return;
    wh__tree_box(b->state, low, high);
    for (uint32_t k = 0; k < b->count; k++) {
        uint64_t i = b->first + k;
        b->id[k] = i;
        if (!p->count) {
            b->id[k] = lattice_point(&l, i, b->x + k, b->y + k, b->z + k);
            continue;
        }
        b->x[k] = (float)(low[0] + unit(seed, i, 0) * (high[0] - low[0]));
        b->y[k] = (float)(low[1] + unit(seed, i, 1) * (high[1] - low[1]));
        b->z[k] = (float)(low[2] + unit(seed, i, 2) * (high[2] - low[2]));
    }
}

static uint32_t sample_inside_sample(const wh_sample_block *b)
{
    const sample_inside *p = b->params;
    uint32_t kept = 0;
    char *room = b->host->alloc(b->host, b->count * (sizeof(double) + 2 * sizeof(uint64_t)) + 1);
    if (!room) {
        b->host->fail(b->host, "memory is short (raise spacing, or lower count)");
        return 0;
    }
    double *winding = (double *)room;
    uint64_t *scratch = (uint64_t *)(room + b->count * sizeof(double));
    set_candidates(b);
    wh__tree_winding_batch(b->state, b->count, b->x, b->y, b->z, winding, scratch);
    for (uint32_t k = 0; k < b->count; k++) {
        if ((float)winding[k] < p->at_least)
            continue;
        b->x[kept] = b->x[k];
        b->y[kept] = b->y[k];
        b->z[kept] = b->z[k];
        b->value[kept] = (float)winding[k];
        b->id[kept++] = b->id[k];
    }
    b->host->free(b->host, room);
    return kept;
}

static void *sample_inside_prepare(const wh_host *host, const wh_geometry *mesh, const void *params)
{
    (void)params;
    return wh__tree_build(host, mesh);
}

static void sample_inside_release(const wh_host *host, void *state)
{
    wh__tree_free(host, state);
}

WH_KERNEL(sample_inside, .needs = WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS | WH_STATE_OF_MESH,
          .doc = "Points inside the mesh: a lattice, or so many random ones",
          .source = "Jacobson, Kavan, Sorkine-Hornung 2013; van Oosterom, Strackee 1983",
          .prepare = sample_inside_prepare, .release = sample_inside_release, .plan = sample_inside_plan,
          .sample = sample_inside_sample, .state = WH_STATE_TEXT(wh_tree), .state_size = sizeof(wh_tree));
