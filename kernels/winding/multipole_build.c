/* multipole_build.c - builds the tree of multipole.h: triangles in halves of halves, then moments from the leaves up.
 *
 * Every half is filled to the last lane before the other one begins, so a node of the tree is the triangles of three
 * halvings (with 8 lanes), and its place follows from its number. */
#include "halve.h"
#include "multipole_tree.h"

#define TASK 8192 /* triangles, about, of one call by parallel_for */
#define LEAF_ROOT (WH_LEAF == 8 ? 2.83f : WH_LEAF == 4 ? 2 : 1.42f)
#define MOST 1073741824u /* triangles */

typedef struct {
    const wh_host *host;
    const float *point;
    const uint32_t *triangle;
    uint32_t count; /* triangles */
    wh_place *place, *spare;
    wh_multipole *out;
    uint32_t span;  /* places of a segment under way: a power of two times WH_LANES */
    uint32_t level; /* under way */
    uint32_t nodes; /* on that level */
} builder;

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, (size_t)count * item);
}

static uint32_t share(uint32_t count, uint32_t size) /* how many parts of that size */
{
    return count / size + (count % size != 0);
}

/* ---- order */

static const float *corner_of(const builder *b, uint32_t triangle, uint32_t which)
{
    return b->point + 3 * (size_t)b->triangle[3 * (size_t)triangle + which];
}

static void set_places(void *context, uint32_t task)
{
    const builder *b = context;
    const uint32_t begin = task * TASK, end = b->count - begin < TASK ? b->count : begin + TASK;
    for (uint32_t i = begin; i < end; i++) {
        const float *p = corner_of(b, i, 0), *q = corner_of(b, i, 1), *r = corner_of(b, i, 2);
        b->place[i] = (wh_place){(p[0] + q[0] + r[0]) * (1.0f / 3), (p[1] + q[1] + r[1]) * (1.0f / 3),
                                 (p[2] + q[2] + r[2]) * (1.0f / 3), i};
    }
}

/* Halves segment i of the level under way. */
static void halve_segment(void *context, uint32_t i)
{
    const builder *b = context;
    const uint32_t begin = i * b->span;
    const uint32_t count = b->count - begin < b->span ? b->count - begin : b->span;
    wh__halve(b->place + begin, b->spare + begin, count, b->span / 2);
}

/* The recursion ends at a leaf. */
static void order(const builder *b, uint32_t begin, uint32_t span)
{
    if (begin >= b->count || span <= WH_LEAF)
        return;
    const uint32_t count = b->count - begin < span ? b->count - begin : span;
    wh__halve(b->place + begin, b->spare + begin, count, span / 2);
    order(b, begin, span / 2);
    order(b, begin + span / 2, span / 2);
}

static void order_segment(void *context, uint32_t i)
{
    const builder *b = context;
    order(b, i * b->span, b->span);
}

/* The first halvings are one after the other, the halves of each in parallel; then each small segment is one task. */
static bool set_order(builder *b)
{
    const wh_host *h = b->host;
    b->span = WH_LANES;
    while (b->span < b->count)
        b->span *= 2;
    bool ok = h->parallel_for(h, share(b->count, TASK), set_places, b);
    for (; ok && b->span > TASK; b->span /= 2)
        ok = h->parallel_for(h, share(b->count, b->span), halve_segment, b);
    return ok && h->parallel_for(h, share(b->count, b->span), order_segment, b);
}

/* ---- moments */

/* Adds factor * the symmetric part of the product of a symmetric 3x3 matrix and a vector. */
WH_INLINE void add_third(vfloat m[10], const vfloat c[6], const vfloat n[3], vfloat factor)
{
    const vfloat third = factor * (1.0f / 3);
    m[0] += factor * c[0] * n[0];
    m[1] += factor * c[1] * n[1];
    m[2] += factor * c[2] * n[2];
    m[3] += third * (c[0] * n[1] + 2 * c[3] * n[0]);
    m[4] += third * (c[0] * n[2] + 2 * c[4] * n[0]);
    m[5] += third * (c[1] * n[0] + 2 * c[3] * n[1]);
    m[6] += third * (c[1] * n[2] + 2 * c[5] * n[1]);
    m[7] += third * (c[2] * n[0] + 2 * c[4] * n[2]);
    m[8] += third * (c[2] * n[1] + 2 * c[5] * n[2]);
    m[9] += third * (c[3] * n[2] + c[4] * n[1] + c[5] * n[0]);
}

/* Adds the symmetric part of the product of two vectors. */
WH_INLINE void add_second(vfloat m[6], const vfloat s[3], const vfloat n[3])
{
    for (int k = 0; k < 3; k++)
        m[k] += s[k] * n[k];
    m[3] += 0.5f * (s[0] * n[1] + s[1] * n[0]);
    m[4] += 0.5f * (s[0] * n[2] + s[2] * n[0]);
    m[5] += 0.5f * (s[1] * n[2] + s[2] * n[1]);
}

WH_INLINE void set_square(vfloat m[6], const vfloat s[3])
{
    for (int k = 0; k < 3; k++)
        m[k] = s[k] * s[k];
    m[3] = s[0] * s[1];
    m[4] = s[0] * s[2];
    m[5] = s[1] * s[2];
}

/* The first term left out is of fourth degree. Where s is the distance from the center and d that of the query, it is
 * below 4 s^3 / (4 pi d^5) for a unit of area; the mean of s^3 is taken from the mean square. */
static void set_error(wh_multipole_group *g, uint32_t lane)
{
    const float s = g->spread[lane];
    g->reach[lane] = wh__fifth_root(g->area[lane] * s * s * s * 0.318309886f);
}

static void set_size(wh_multipole_group *g, uint32_t lane, const float center[3], float area, float square,
                     float radius)
{
    for (int k = 0; k < 3; k++)
        g->center[k][lane] = center[k];
    g->area[lane] = area;
    g->spread[lane] = area > 0 ? sqrtf(square / area) : 0;
    g->radius[lane] = radius;
    set_error(g, lane);
}

/* Moments summed over the lanes, without their traces, become coefficients: each with what the basis asks for. */
static void set_series(wh_multipole_group *g, uint32_t lane, const wh_moments *m, float unit)
{
    float t[10];
    for (int k = 0; k < 3; k++)
        g->first[k][lane] = unit * v_sum(m->first[k]);
    for (int k = 0; k < 6; k++)
        t[k] = unit * v_sum(m->second[k]);
    const float trace = (t[0] + t[1] + t[2]) * (1.0f / 3);
    g->second[0][lane] = -3 * (t[0] - trace);
    g->second[1][lane] = -3 * (t[1] - trace);
    for (int k = 2; k < 5; k++)
        g->second[k][lane] = -6 * t[k + 1];
    for (int k = 0; k < 10; k++)
        t[k] = 15 * unit * v_sum(m->third[k]);
    const float x = (t[0] + t[5] + t[7]) * 0.2f, y = (t[3] + t[1] + t[8]) * 0.2f, z = (t[4] + t[6] + t[2]) * 0.2f;
    g->third[0][lane] = t[0] - 3 * x;
    g->third[1][lane] = t[1] - 3 * y;
    g->third[2][lane] = 3 * (t[3] - y);
    g->third[3][lane] = 3 * (t[5] - x);
    g->third[4][lane] = t[4] - z;
    g->third[5][lane] = t[6] - z;
    g->third[6][lane] = 6 * t[9];
}

/* ---- leaves */

static void set_triangle(const builder *b, wh_multipole_block *block, uint32_t lane, uint32_t triangle)
{
    for (uint32_t c = 0; c < 3; c++)
        for (int k = 0; k < 3; k++)
            block->corner[c][k][lane] = corner_of(b, triangle, c)[k];
}

/* With points, which have no area. */
static void fill_up(wh_multipole_block *block, uint32_t count)
{
    for (uint32_t lane = count; lane < WH_LANES; lane++)
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                block->corner[c][k][lane] = block->corner[0][k][0];
}

/* Puts the sum over each leaf's lanes into all of them. */
WH_INLINE vfloat leaf_sums(vfloat v)
{
    float f[WH_LANES];
    v_store(f, v);
    for (int half = WH_LEAF / 2; half; half /= 2)
        for (int k = 0; k < WH_LANES; k++)
            if (!(k & half))
                f[k] += f[k + half];
    for (int k = 0; k < WH_LANES; k++)
        f[k] = f[k & ~(WH_LEAF - 1)];
    return v_load(f);
}

/* The mean of the triangles' middles, each by its area; returns the area. */
static vfloat leaf_center(const wh_multipole_block *block, vfloat area, vfloat center[3])
{
    const vfloat total = leaf_sums(area);
    for (int k = 0; k < 3; k++) {
        const vfloat a = v_load(block->corner[0][k]), b = v_load(block->corner[1][k]), c = v_load(block->corner[2][k]);
        center[k] = v_and(total > 0, leaf_sums((a + b + c) * area) / (3 * total));
    }
    return total;
}

/* The mean of x x over each triangle, from its middle s and its corners v. */
WH_INLINE void mean_square(vfloat mean[6], const vfloat s[3], const vfloat v[3][3])
{
    set_square(mean, s);
    for (int i = 0; i < 3; i++) {
        vfloat d[3], square[6];
        for (int k = 0; k < 3; k++)
            d[k] = v[i][k] - s[k];
        set_square(square, d);
        for (int k = 0; k < 6; k++)
            mean[k] += square[k] * (1.0f / 12);
    }
}

typedef struct {
    wh_moments moments;
    vfloat center[3], area, square, farthest;
} leaves; /* of a block: a triangle in each lane; center and area are those of its leaf */

static leaves measure_block(const wh_multipole_block *block)
{
    leaves l = {.area = {0}};
    vfloat n[3], s[3], v[3][3], mean[6];
    wh__normals(block, n);
    for (int k = 0; k < 3; k++)
        n[k] *= 0.5f;
    const vfloat area = v_sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    l.area = leaf_center(block, area, l.center);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            v[i][k] = v_load(block->corner[i][k]) - l.center[k];
        l.farthest = v_max(l.farthest, v[i][0] * v[i][0] + v[i][1] * v[i][1] + v[i][2] * v[i][2]);
    }
    for (int k = 0; k < 3; k++)
        s[k] = (v[0][k] + v[1][k] + v[2][k]) * (1.0f / 3);
    mean_square(mean, s, (const vfloat(*)[3])v);
    l.square = area * (mean[0] + mean[1] + mean[2]);
    for (int k = 0; k < 3; k++)
        l.moments.first[k] = n[k];
    add_second(l.moments.second, s, n);
    add_third(l.moments.third, mean, n, v_set(0.5f));
    return l;
}

/* An edge of length l that moves by e changes the winding number at distance d by l e / (4 pi d^2) at most. A
 * triangle's edges are 6 radii at most; errors of either sign add up by their squares, in a leaf and above. */
static void set_leaf(wh_multipole_group *g, uint32_t lane, const leaves *l, uint32_t begin)
{
    const vint mask = (vi_lanes() >= (int32_t)begin) & (vi_lanes() < (int32_t)(begin + WH_LEAF));
    wh_moments m;
    for (int k = 0; k < 3; k++)
        m.first[k] = v_and(mask, l->moments.first[k]);
    for (int k = 0; k < 6; k++)
        m.second[k] = v_and(mask, l->moments.second[k]);
    for (int k = 0; k < 10; k++)
        m.third[k] = v_and(mask, l->moments.third[k]);
    const float center[3] = {l->center[0][begin], l->center[1][begin], l->center[2][begin]};
    const float radius = sqrtf(v_greatest(v_and(mask, l->farthest))) * 1.000001f;
    g->blur[lane] = radius * (6 * LEAF_ROOT * WH_ROUNDING * 0.0795774715f);
    set_size(g, lane, center, l->area[begin], v_sum(v_and(mask, l->square)), radius);
    set_series(g, lane, &m, 0.0795774715f); /* 1 / (4 pi) */
}

static void set_leaves(void *context, uint32_t i)
{
    const builder *b = context;
    wh_multipole_group *g = b->out->group + i;
    memset(g, 0, sizeof *g);
    for (uint32_t lane = 0; lane < WH_LANES; lane += WH_LANES / WH_LEAF) {
        const uint64_t begin = ((uint64_t)i * WH_LANES + lane) * WH_LEAF;
        if (begin >= b->count)
            return;
        const uint32_t count = b->count - begin < WH_LANES ? (uint32_t)(b->count - begin) : WH_LANES;
        wh_multipole_block *block = b->out->block + begin / WH_LANES;
        for (uint32_t k = 0; k < count; k++)
            set_triangle(b, block, k, b->place[begin + k].index);
        fill_up(block, count);
        const leaves l = measure_block(block);
        for (uint32_t k = 0; k * WH_LEAF < count; k++)
            set_leaf(g, lane + k, &l, k * WH_LEAF);
    }
}

/* ---- levels above */

static float parent_center(const wh_multipole_group *child, float center[3])
{
    const vfloat area = v_load(child->area);
    const float total = v_sum(area);
    for (int k = 0; k < 3; k++)
        center[k] = total > 0 ? v_sum(v_load(child->center[k]) * area) / total : child->center[k][0];
    return total;
}

static void set_parent(wh_multipole_group *g, uint32_t lane, const wh_multipole_group *child)
{
    float center[3];
    vfloat s[3], square[6];
    const float total = parent_center(child, center);
    const vfloat area = v_load(child->area), spread = v_load(child->spread);
    for (int k = 0; k < 3; k++)
        s[k] = v_and(area > 0, v_load(child->center[k]) - center[k]);
    set_square(square, s);
    const vfloat away = square[0] + square[1] + square[2];
    const vfloat radius = v_and(area > 0, v_load(child->radius) + v_sqrt(away));
    const vfloat blur = v_load(child->blur);
    g->blur[lane] = sqrtf(v_sum(blur * blur));
    wh_moments m = moments_of(child), sum = m;
    add_second(sum.second, s, m.first);
    add_third(sum.third, m.second, s, v_set(1));
    add_third(sum.third, square, m.first, v_set(0.5f));
    set_size(g, lane, center, total, v_sum(area * (spread * spread + away)), v_greatest(radius) * 1.000001f);
    set_series(g, lane, &sum, 1);
}

static void set_parents(void *context, uint32_t i)
{
    const builder *b = context;
    const uint32_t level = b->level;
    const wh_multipole_group *child = b->out->group + b->out->first[level - 1] + (size_t)i * WH_LANES;
    wh_multipole_group *g = b->out->group + b->out->first[level] + i;
    memset(g, 0, sizeof *g);
    for (uint32_t lane = 0; lane < WH_LANES && i * WH_LANES + lane < b->nodes; lane++)
        set_parent(g, lane, child + lane);
}

/* Fills m->first; returns how many groups there are on all levels. */
static uint32_t lay_out(wh_multipole *m, uint32_t leaf_count)
{
    uint32_t total = 0, groups = leaf_count;
    do {
        groups = share(groups, WH_LANES);
        m->first[m->level_count++] = total;
        total += groups;
    } while (groups > 1);
    return total;
}

static bool set_levels(builder *b)
{
    const wh_host *h = b->host;
    const wh_multipole *m = b->out;
    uint32_t groups = share(share(b->count, WH_LEAF), WH_LANES);
    bool ok = h->parallel_for(h, groups, set_leaves, b);
    for (b->level = 1; ok && b->level < m->level_count; b->level++) {
        b->nodes = groups;
        groups = share(groups, WH_LANES);
        ok = h->parallel_for(h, groups, set_parents, b);
    }
    const wh_multipole_group *top = m->group + m->first[m->level_count - 1];
    b->out->area = ok ? v_sum(v_load(top->area)) : 0;
    return ok;
}

static bool allocate(builder *b)
{
    const uint32_t blocks = share(b->count, WH_LANES);
    b->out->triangle_count = b->count;
    b->out->group = get(b->host, lay_out(b->out, share(b->count, WH_LEAF)), sizeof(wh_multipole_group));
    b->out->block = get(b->host, blocks, sizeof(wh_multipole_block));
    b->place = get(b->host, b->count, sizeof *b->place);
    b->spare = get(b->host, b->count, sizeof *b->spare);
    return b->out->group && b->out->block && b->place && b->spare;
}

bool wh__multipole_build(const wh_host *host, const float *point, const uint32_t *triangle, uint32_t triangle_count,
                         wh_multipole *out)
{
    builder b = {.host = host, .point = point, .triangle = triangle, .count = triangle_count, .out = out};
    *out = (wh_multipole){0};
    if (!triangle_count)
        return true;
    const bool ok = triangle_count <= MOST && allocate(&b) && set_order(&b) && set_levels(&b);
    host->free(host, b.place);
    host->free(host, b.spare);
    if (!ok)
        wh__multipole_free(host, out);
    return ok;
}

void wh__multipole_free(const wh_host *host, wh_multipole *m)
{
    host->free(host, m->group);
    host->free(host, m->block);
    *m = (wh_multipole){0};
}

uint64_t wh__multipole_bytes(const wh_multipole *m)
{
    if (!m->level_count)
        return 0;
    return (m->first[m->level_count - 1] + 1) * (uint64_t)sizeof(wh_multipole_group) +
           share(m->triangle_count, WH_LANES) * (uint64_t)sizeof(wh_multipole_block);
}
