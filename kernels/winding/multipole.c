/* multipole.c - winding numbers from the tree of multipole.h.
 *
 * G. Barill, N. Dickson, R. Schmidt, D. Levin, A. Jacobson, Fast winding numbers for soups and clouds, SIGGRAPH 2018:
 * far triangles are replaced by multipoles. L. Greengard, V. Rokhlin, A fast algorithm for particle simulations, 1987:
 * for queries that are close together, those of many far nodes become one polynomial, which is handed down. The solid
 * angle of near triangles: A. van Oosterom, J. Strackee, 1983; their angles are added by multiplying complex numbers.
 *
 * A single query goes down the tree with one node or triangle in each lane. Many queries are halved in space till few
 * are left (a cell); a cell takes what is far from all of it as a polynomial, hands down what is not, and in the end
 * a bundle of queries, one in each lane, goes through what is left. */
#include "multipole.h"
#include "halve.h"
#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast") /* every result here has an error bound: fused or not is the same to it */
#endif
#include "multipole_near.h"
#include "multipole_series.h"

#define GUARD 1.8f /* nodes nearer than so many radii are always opened: their series converges too slowly */
/* Of the accuracy, that one node may spend: errors have either sign, see multipole_spec. Less for single queries, which
 * leave no slack as the boxes of many do, and in trees of few branches, where more nodes share an ancestor's errors. */
#if WH_LANES == 4
#define PORTION 0.1f
#define PORTION_ONE 0.08f
#else
#define PORTION 0.33f
#define PORTION_ONE 0.15f
#endif
#define LOCAL 0.25f  /* of that portion: what a node may spend in a polynomial, which many queries share */
#define SAFETY 0.75f /* of the sum of the nodes' errors is more than the error of the sum ever was */
#define OPEN 1.5f    /* nodes larger than that part of a cell are opened before the cell is divided */
#define CELL 128     /* most queries of a cell that is not divided */
#define VECTORS 2    /* of queries in a bundle */
#define BUNDLE (VECTORS * WH_LANES)
#define FEW 8000      /* queries, that go one by one */
#define ROUND 1048576 /* most queries that are under way at once */
#define PART 16384    /* queries of one task of a pass over all */
#define BINS_MOST 16  /* along an axis */
#define ENTRIES 4096  /* most groups that a cell hands down */
#define DEPTH 8       /* of cells in cells: ROUND / CELL < 8^5 */
#define OUTSIDE 1e4f  /* beyond, the triangles are a point */
#define STACK (WH_MULTIPOLE_LEVELS * WH_LANES)
#define UNKNOWN 1e9f         /* error of a value that floats had no room for; no value is as large */
#define LEAST 1e-6f          /* error of any value: the sum is in float */
#define SPHERE 0.0795774715f /* 1 / (4 pi) */

typedef struct {
    const wh_multipole *tree;
    float tolerance; /* of one node */
    float stretch;   /* times a node's reach is where it comes down to the tolerance */
} view;

typedef struct { /* nodes of a group that are still to be looked at */
    uint32_t group;
    uint16_t lanes, level;
} entry;

static const wh_multipole_group *group_of(const wh_multipole *m, entry e)
{
    return m->group + m->first[e.level] + e.group;
}

static entry child_of(entry e, uint32_t lane)
{
    return (entry){e.group * WH_LANES + lane, (1u << WH_LANES) - 1, (uint16_t)(e.level - 1)};
}

/* Finer sums have more nodes, whose errors add up to more: below 1e-3 each may spend less. Below 1e-4 it is rounding
 * that counts. */
static view view_of(const wh_multipole *m, float accuracy, float portion)
{
    const float asked = wh_clamp(accuracy, 1e-5f, 1e-1f), finer = wh__fifth_root(wh_clamp(asked * 1e3f, 0.1f, 1.0f));
    const float tolerance = portion * asked * finer * finer;
    return (view){m, tolerance, 1 / wh__fifth_root(tolerance)};
}

WH_INLINE void prefetch(const void *p, size_t bytes)
{
    for (size_t k = 0; k < bytes; k += 64)
        __builtin_prefetch((const char *)p + k);
}

static entry root_of(const wh_multipole *m)
{
    return (entry){0, (1u << WH_LANES) - 1, (uint16_t)(m->level_count - 1)};
}

/* ---- nodes */

/* The distance from which each node of a group may stand for its triangles. */
WH_INLINE vfloat far_from(const view *v, const wh_multipole_group *g)
{
    return v_max(v_load(g->radius) * GUARD, v_load(g->reach) * v->stretch);
}

/* ---- one query */

/* With a triangle of the block in each lane. */
WH_INLINE void add_block(angles *s, const wh_multipole_block *block, const float q[3], vint wanted)
{
    vfloat v[3][3], n[3];
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 3; k++)
            v[c][k] = v_load(block->corner[c][k]) - q[k];
    wh__normals(block, n);
    add_triangle(s, v[0], v[1], v[2], n, wanted);
}

/* The leaves of a group that are near, a bit for each: block by block. */
WH_INLINE void add_leaves(angles *s, const wh_multipole *m, uint32_t group, uint32_t near, const float q[3])
{
    const uint32_t leaves = WH_LANES / WH_LEAF, ones = (1u << leaves) - 1;
    const wh_multipole_block *block = m->block + (size_t)group * WH_LEAF;
    for (uint32_t left = near; left; left &= left - 1)
        prefetch(block + (uint32_t)__builtin_ctz(left) / leaves, sizeof *block);
    for (; near; near >>= leaves, block++)
        if (near & ones) {
            add_block(s, block, q, (vi_set((int32_t)near) >> vi_lanes() / WH_LEAF & 1) != 0);
            shorten(s);
        }
}

/* The first terms left out, and what rounding does, at these squares of the distance. */
WH_INLINE vfloat left_out(const wh_multipole_group *g, vfloat square)
{
    const vfloat r = v_rsqrt_rough(square + 1e-30f), t = v_load(g->reach) * r, tt = t * t;
    return tt * tt * t + v_load(g->blur) * r * r;
}

static float kept_value(float value)
{
    return fabsf(value) <= UNKNOWN ? value : 0;
}

static float kept_error(float error, float value)
{
    return error <= UNKNOWN && fabsf(value) <= UNKNOWN ? error + LEAST * (1 + fabsf(value)) : UNKNOWN;
}

static float walk(const view *v, const float q[3], float *error)
{
    const wh_multipole *m = v->tree;
    entry stack[STACK];
    uint32_t top = 0;
    vfloat sum = {0}, errors = {0};
    angles near = start_angles();
    stack[top++] = root_of(m);
    while (top) {
        const entry e = stack[--top];
        const wh_multipole_group *g = group_of(m, e);
        const series s = load_series(g);
        const vfloat x = v_load(g->center[0]) - q[0], y = v_load(g->center[1]) - q[1], z = v_load(g->center[2]) - q[2];
        const vfloat open = far_from(v, g), square = x * x + y * y + z * z;
        const vint counts = v_load(g->area) > 0, far = square > open * open;
        sum += v_and(far & counts, far_potential(&s, x, y, z));
        errors += v_and(far & counts, left_out(g, square));
        uint32_t left = v_bits(counts & ~far);
        if (!e.level)
            add_leaves(&near, m, e.group, left, q);
        else
            for (; left; left &= left - 1) {
                stack[top] = child_of(e, (uint32_t)__builtin_ctz(left));
                prefetch(group_of(m, stack[top++]), sizeof *g);
            }
    }
    *error = SAFETY * v_sum(errors) + v_sum(doubt_of(&near));
    return v_sum(sum + winding_of(&near));
}

static bool is_near(const float q[3]) /* false for what is not finite */
{
    return fabsf(q[0]) < OUTSIDE && fabsf(q[1]) < OUTSIDE && fabsf(q[2]) < OUTSIDE;
}

static float outside_error(const wh_multipole *m)
{
    return m->area * (1.1f * SPHERE / (OUTSIDE * OUTSIDE));
}

float wh__multipole_one(const wh_multipole *m, float x, float y, float z, float accuracy, float *error)
{
    const float q[3] = {x, y, z};
    const view v = view_of(m, accuracy, PORTION_ONE);
    float bound = outside_error(m), value = 0;
    if (m->level_count && is_near(q))
        value = walk(&v, q, &bound);
    if (error)
        *error = kept_error(bound, value);
    return kept_value(value);
}

/* ---- bundles of queries */

typedef struct {
    vfloat x[VECTORS], y[VECTORS], z[VECTORS], sum[VECTORS];
    angles near[VECTORS];
    float center[3], half[3]; /* of the box */
    vfloat errors;            /* of far nodes */
} bundle;

static void box_of(const wh_place *q, uint32_t count, float center[3], float half[3])
{
    vquad least, most;
    memcpy(&least, q, sizeof least);
    most = least;
    for (uint32_t i = 1; i < count; i++) {
        vquad p;
        memcpy(&p, q + i, sizeof p);
        least = q_min(least, p);
        most = q_max(most, p);
    }
    for (int k = 0; k < 3; k++) {
        center[k] = 0.5f * (least[k] + most[k]);
        half[k] = wh_max(most[k] - center[k], center[k] - least[k]);
    }
}

/* What is missing in the last lanes is the last query again. */
static void load_bundle(bundle *b, const wh_place *q, uint32_t count)
{
    float x[BUNDLE], y[BUNDLE], z[BUNDLE];
    for (uint32_t i = 0; i < BUNDLE; i++) {
        const wh_place *p = q + (i < count ? i : count - 1);
        x[i] = p->x;
        y[i] = p->y;
        z[i] = p->z;
    }
    for (int v = 0; v < VECTORS; v++) {
        b->x[v] = v_load(x + v * WH_LANES);
        b->y[v] = v_load(y + v * WH_LANES);
        b->z[v] = v_load(z + v * WH_LANES);
        b->near[v] = start_angles();
    }
    b->errors = v_set(0);
    box_of(q, count, b->center, b->half);
}

static void start_sum(bundle *b, const polynomial *p, const float center[3])
{
    series s;
    for (int k = 0; k < 3; k++)
        s.first[k] = v_set(p->first[k]);
    for (int k = 0; k < 5; k++)
        s.second[k] = v_set(p->second[k]);
    for (int k = 0; k < 7; k++)
        s.third[k] = v_set(p->third[k]);
    for (int v = 0; v < VECTORS; v++) {
        vfloat degree[3];
        degrees_of(&s, b->x[v] - center[0], b->y[v] - center[1], b->z[v] - center[2], degree);
        b->sum[v] = p->value + degree[0] + degree[1] + degree[2];
    }
}

/* The wanted nodes of the group that are far from the whole bundle; counts their errors. */
WH_INLINE uint32_t far_nodes(const view *v, bundle *b, const wh_multipole_group *g, uint32_t wanted)
{
    vfloat square = {0};
    for (int k = 0; k < 3; k++) {
        const vfloat away = v_max(v_abs(v_load(g->center[k]) - b->center[k]) - b->half[k], v_set(0));
        square += away * away;
    }
    const vfloat open = far_from(v, g);
    const uint32_t far = wanted & v_bits(square > open * open);
    b->errors += v_and(v_mask(far), left_out(g, square));
    return far;
}

WH_INLINE void add_node(bundle *b, const wh_multipole_group *g, uint32_t lane)
{
    const series s = spread_series(g, lane);
    const float x = g->center[0][lane], y = g->center[1][lane], z = g->center[2][lane];
    for (int v = 0; v < VECTORS; v++)
        b->sum[v] += far_potential(&s, x - b->x[v], y - b->y[v], z - b->z[v]);
}

WH_INLINE void add_triangle_of(angles *s, const wh_multipole_block *t, const float normal[3][WH_LANES], int lane,
                               vfloat x, vfloat y, vfloat z)
{
    vfloat c[3][3], n[3];
    for (int i = 0; i < 3; i++) {
        c[i][0] = t->corner[i][0][lane] - x;
        c[i][1] = t->corner[i][1][lane] - y;
        c[i][2] = t->corner[i][2][lane] - z;
        n[i] = v_set(normal[i][lane]);
    }
    add_triangle(s, c[0], c[1], c[2], n, vi_set(-1));
}

static void add_leaf(bundle *b, const wh_multipole *m, uint32_t leaf)
{
    const wh_multipole_block *block = m->block + leaf * WH_LEAF / WH_LANES;
    const int first = (int)(leaf * WH_LEAF % WH_LANES);
    vfloat n[3];
    float normal[3][WH_LANES];
    wh__normals(block, n);
    for (int k = 0; k < 3; k++)
        v_store(normal[k], n[k]);
    for (int v = 0; v < VECTORS; v++) {
        angles s = b->near[v];
        for (int lane = first; lane < first + WH_LEAF; lane++)
            add_triangle_of(&s, block, (const float(*)[WH_LANES])normal, lane, b->x[v], b->y[v], b->z[v]);
        shorten(&s);
        b->near[v] = s;
    }
}

static void walk_bundle(const view *v, bundle *b, entry first)
{
    const wh_multipole *m = v->tree;
    entry stack[STACK];
    uint32_t top = 0;
    stack[top++] = first;
    while (top) {
        const entry e = stack[--top];
        const wh_multipole_group *g = group_of(m, e);
        const uint32_t wanted = e.lanes & v_bits(v_load(g->area) > 0), far = far_nodes(v, b, g, wanted);
        for (uint32_t left = far; left; left &= left - 1)
            add_node(b, g, (uint32_t)__builtin_ctz(left));
        for (uint32_t left = wanted & ~far; left; left &= left - 1) {
            const uint32_t lane = (uint32_t)__builtin_ctz(left);
            if (e.level) {
                stack[top] = child_of(e, lane);
                prefetch(group_of(m, stack[top++]), sizeof *g);
            } else {
                add_leaf(b, m, e.group * WH_LANES + lane);
            }
        }
    }
}

/* ---- cells of queries */

typedef struct {
    view view;
    float accuracy;
    float *value, *error;
} job;

typedef struct {
    float center[3], half[3], radius;
    polynomial far;
    float error; /* of that */
    entry *pending;
    uint32_t count; /* of pending */
} cell;

static void put_bundle(const job *j, const bundle *b, const wh_place *q, uint32_t count, float error)
{
    float value[BUNDLE], doubt[BUNDLE];
    for (int v = 0; v < VECTORS; v++) {
        v_store(value + v * WH_LANES, b->sum[v] + winding_of(b->near + v));
        v_store(doubt + v * WH_LANES, doubt_of(b->near + v));
    }
    for (uint32_t i = 0; i < count; i++) {
        j->value[q[i].index] = kept_value(value[i]);
        if (j->error)
            j->error[q[i].index] = kept_error(doubt[i] + error, value[i]);
    }
}

static void run_bundle(const job *j, const cell *c, const wh_place *q, uint32_t count)
{
    bundle b;
    load_bundle(&b, q, count);
    start_sum(&b, &c->far, c->center);
    for (uint32_t i = 0; i < c->count; i++)
        walk_bundle(&j->view, &b, c->pending[i]);
    put_bundle(j, &b, q, count, c->error + SAFETY * v_sum(b.errors));
}

/* The nodes of a group that may become polynomials in a cell of this radius. What is left out is the node's fourth
 * degree, and what is of fourth degree in the sum of both distances from the centers. */
WH_INLINE vint smooth_nodes(const view *v, const wh_multipole_group *g, float radius, vfloat square, vfloat *error)
{
    const vfloat r = v_rsqrt(square + 1e-30f), clear = (v_load(g->radius) + radius) * GUARD;
    const vfloat s = v_load(g->spread) * r, t = s + radius * r, ss = s * s, tt = t * t;
    *error = (v_load(g->area) * SPHERE * (4 * ss * s + 5 * (tt * tt - ss * ss)) + v_load(g->blur)) * r * r;
    return (*error < v->tolerance * LOCAL) & (square > clear * clear);
}

/* Adds the nodes of the group that are smooth in the cell; returns the others. */
static uint32_t take_smooth(const view *v, cell *c, polynomials *sum, entry e)
{
    const wh_multipole_group *g = group_of(v->tree, e);
    const vfloat x = v_load(g->center[0]) - c->center[0], y = v_load(g->center[1]) - c->center[1],
                 z = v_load(g->center[2]) - c->center[2];
    vfloat error;
    const vint smooth = smooth_nodes(v, g, c->radius, x * x + y * y + z * z, &error);
    const uint32_t wanted = e.lanes & v_bits(v_load(g->area) > 0), taken = wanted & v_bits(smooth);
    if (taken) {
        add_polynomials(sum, g, v_mask(taken), x, y, z);
        c->error += SAFETY * v_sum(v_and(v_mask(taken), error));
    }
    return wanted & ~taken;
}

/* Of the nodes that are left of a group, opens those that are large beside the cell; returns the others. There is
 * always room for what is on the stack to become pending as it is. */
static uint32_t open_large(const view *v, const cell *c, entry e, uint32_t left, entry *stack, uint32_t *top,
                           uint32_t waiting)
{
    const wh_multipole_group *g = group_of(v->tree, e);
    const uint32_t large = e.level ? left & v_bits(v_load(g->radius) > c->radius * OPEN) : 0;
    for (uint32_t rest = large; rest; rest &= rest - 1) {
        if (c->count + waiting + *top + 1 >= ENTRIES)
            return left;
        const uint32_t lane = (uint32_t)__builtin_ctz(rest);
        stack[*top] = child_of(e, lane);
        prefetch(group_of(v->tree, stack[(*top)++]), sizeof *g);
        left &= ~(1u << lane);
    }
    return left;
}

/* Takes what is smooth in the cell; what is left then is pending. */
static void look(const view *v, cell *c, const entry *pending, uint32_t count)
{
    entry stack[STACK];
    polynomials sum = {.value = {0}};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t top = 0;
        stack[top++] = pending[i];
        while (top) {
            entry e = stack[--top];
            const uint32_t left = take_smooth(v, c, &sum, e);
            e.lanes = left ? (uint16_t)open_large(v, c, e, left, stack, &top, count - i) : 0;
            if (e.lanes)
                c->pending[c->count++] = e;
        }
    }
    add_lanes(&c->far, &sum);
}

static void run_cell(const job *j, const cell *parent, wh_place *q, wh_place *spare, uint32_t count);

/* Divides the queries till the parts are ready to be cells: three times, or till they are small. */
static void divide(const job *j, const cell *parent, wh_place *q, wh_place *spare, uint32_t count, uint32_t span,
                   uint32_t times)
{
    if (!times || span <= CELL || !count) {
        if (count)
            run_cell(j, parent, q, spare, count);
        return;
    }
    const uint32_t half = span / 2, left = count < half ? count : half;
    wh__halve(q, spare, count, left);
    divide(j, parent, q, spare, left, half, times - 1);
    divide(j, parent, q + left, spare + left, count - left, half, times - 1);
}

static void divide_to_bundles(const job *j, const cell *c, wh_place *q, wh_place *spare, uint32_t count, uint32_t span)
{
    if (span <= BUNDLE || !count) {
        if (count)
            run_bundle(j, c, q, count);
        return;
    }
    const uint32_t half = span / 2, left = count < half ? count : half;
    wh__halve(q, spare, count, left);
    divide_to_bundles(j, c, q, spare, left, half);
    divide_to_bundles(j, c, q + left, spare + left, count - left, half);
}

static void run_cell(const job *j, const cell *parent, wh_place *q, wh_place *spare, uint32_t count)
{
    cell c = {.pending = parent->pending + parent->count, .error = parent->error};
    box_of(q, count, c.center, c.half);
    c.radius = sqrtf(c.half[0] * c.half[0] + c.half[1] * c.half[1] + c.half[2] * c.half[2]);
    c.far = moved(&parent->far, c.center[0] - parent->center[0], c.center[1] - parent->center[1],
                  c.center[2] - parent->center[2]);
    look(&j->view, &c, parent->pending, parent->count);
    uint32_t span = CELL;
    while (span < count)
        span *= 2;
    if (span == CELL)
        divide_to_bundles(j, &c, q, spare, count, span);
    else
        divide(j, &c, q, spare, count, span, 3);
}

/* ---- many queries */

typedef struct {
    job job;
    const wh_host *host;
    const float *x, *y, *z;
    uint32_t count, parts, bins, cells; /* bins along an axis; cells: bins^3, and one for what is outside */
    wh_place *place, *spare;
    uint32_t *start; /* [part][cell] */
    float (*box)[6]; /* of each part */
    float low[3], scale[3];
    bool failed;
} round_of_queries;

static void part_of(const round_of_queries *r, uint32_t part, uint32_t *begin, uint32_t *end)
{
    *begin = part * PART;
    *end = r->count - *begin < PART ? r->count : *begin + PART;
}

static void measure_part(void *context, uint32_t part)
{
    const round_of_queries *r = context;
    uint32_t begin, end;
    float box[6] = {OUTSIDE, OUTSIDE, OUTSIDE, -OUTSIDE, -OUTSIDE, -OUTSIDE};
    part_of(r, part, &begin, &end);
    for (uint32_t i = begin; i < end; i++) {
        const float q[3] = {r->x[i], r->y[i], r->z[i]};
        if (!is_near(q))
            continue;
        for (int k = 0; k < 3; k++) {
            box[k] = wh_min(box[k], q[k]);
            box[k + 3] = wh_max(box[k + 3], q[k]);
        }
    }
    memcpy(r->box[part], box, sizeof box);
}

static uint32_t cell_of(const round_of_queries *r, uint32_t i)
{
    const float q[3] = {r->x[i], r->y[i], r->z[i]};
    if (!is_near(q))
        return r->cells - 1;
    uint32_t at[3];
    for (int k = 0; k < 3; k++)
        at[k] = (uint32_t)(int32_t)((q[k] - r->low[k]) * r->scale[k]);
    return (at[2] * r->bins + at[1]) * r->bins + at[0];
}

static void count_part(void *context, uint32_t part)
{
    const round_of_queries *r = context;
    uint32_t begin, end, *number = r->start + (size_t)part * r->cells;
    part_of(r, part, &begin, &end);
    memset(number, 0, r->cells * sizeof *number);
    for (uint32_t i = begin; i < end; i++)
        number[cell_of(r, i)]++;
}

static void place_part(void *context, uint32_t part)
{
    const round_of_queries *r = context;
    uint32_t begin, end, *next = r->start + (size_t)part * r->cells;
    part_of(r, part, &begin, &end);
    for (uint32_t i = begin; i < end; i++)
        r->place[next[cell_of(r, i)]++] = (wh_place){r->x[i], r->y[i], r->z[i], i};
}

static void set_scale(round_of_queries *r)
{
    float box[6];
    memcpy(box, r->box[0], sizeof box);
    for (uint32_t p = 1; p < r->parts; p++)
        for (int k = 0; k < 3; k++) {
            box[k] = wh_min(box[k], r->box[p][k]);
            box[k + 3] = wh_max(box[k + 3], r->box[p][k + 3]);
        }
    for (int k = 0; k < 3; k++) {
        const float size = box[k + 3] - box[k];
        r->low[k] = box[k];
        r->scale[k] = size > 1e-30f ? ((float)r->bins - 0.001f) / size : 0;
    }
}

/* Numbers become where each part's places of a cell begin. */
static void add_up(round_of_queries *r)
{
    uint32_t sum = 0;
    for (uint32_t c = 0; c < r->cells; c++)
        for (uint32_t p = 0; p < r->parts; p++) {
            uint32_t *n = r->start + (size_t)p * r->cells + c, number = *n;
            *n = sum;
            sum += number;
        }
}

static void put_outside(const round_of_queries *r, uint32_t begin)
{
    for (uint32_t i = begin; i < r->count; i++) {
        const uint32_t q = r->place[i].index;
        r->job.value[q] = 0;
        if (r->job.error)
            r->job.error[q] = outside_error(r->job.view.tree) + LEAST;
    }
}

/* After place_part(), the last part's place for a cell is where the cell ends. */
static void run_bin(void *context, uint32_t i)
{
    round_of_queries *r = context;
    const uint32_t *end = r->start + (size_t)(r->parts - 1) * r->cells;
    const uint32_t begin = i ? end[i - 1] : 0, count = end[i] - begin;
    if (i == r->cells - 1) {
        put_outside(r, begin);
        return;
    }
    if (!count)
        return;
    entry *room = r->host->alloc(r->host, (DEPTH * ENTRIES + 1) * sizeof *room);
    if (!room) {
        __atomic_store_n(&r->failed, true, __ATOMIC_RELAXED);
        return;
    }
    room[0] = root_of(r->job.view.tree);
    const cell all = {.pending = room, .count = 1};
    run_cell(&r->job, &all, r->place + begin, r->spare + begin, count);
    r->host->free(r->host, room);
}

static bool run_round(round_of_queries *r)
{
    const wh_host *h = r->host;
    r->parts = r->count / PART + (r->count % PART != 0);
    r->bins = 1;
    while (r->bins < BINS_MOST && (r->bins + 1) * (r->bins + 1) * (r->bins + 1) * 512 <= r->count)
        r->bins++;
    r->cells = r->bins * r->bins * r->bins + 1;
    r->place = h->alloc(h, r->count * sizeof *r->place);
    r->spare = h->alloc(h, r->count * sizeof *r->spare);
    r->start = h->alloc(h, (size_t)r->parts * r->cells * sizeof *r->start);
    r->box = h->alloc(h, r->parts * sizeof *r->box);
    bool ok = r->place && r->spare && r->start && r->box;
    ok = ok && h->parallel_for(h, r->parts, measure_part, r);
    if (ok)
        set_scale(r);
    ok = ok && h->parallel_for(h, r->parts, count_part, r);
    if (ok)
        add_up(r);
    ok = ok && h->parallel_for(h, r->parts, place_part, r) && h->parallel_for(h, r->cells, run_bin, r);
    h->free(h, r->place);
    h->free(h, r->spare);
    h->free(h, r->start);
    h->free(h, r->box);
    return ok && !r->failed;
}

static void run_one(void *context, uint32_t i)
{
    const round_of_queries *r = context;
    const uint32_t begin = i * 64, end = r->count - begin < 64 ? r->count : begin + 64;
    for (uint32_t k = begin; k < end; k++)
        r->job.value[k] = wh__multipole_one(r->job.view.tree, r->x[k], r->y[k], r->z[k], r->job.accuracy,
                                            r->job.error ? r->job.error + k : NULL);
}

bool wh__multipole_many(const wh_host *host, const wh_multipole *m, uint32_t count, const float *x, const float *y,
                        const float *z, float accuracy, float *value, float *error)
{
    round_of_queries r = {.host = host, .job = {.view = view_of(m, accuracy, PORTION), .accuracy = accuracy}};
    for (uint32_t done = 0; done < count; done += r.count) {
        r.count = count - done < ROUND ? count - done : ROUND;
        r.x = x + done;
        r.y = y + done;
        r.z = z + done;
        r.job.value = value + done;
        r.job.error = error ? error + done : NULL;
        const bool single = r.count < FEW || !m->level_count;
        if (!(single ? host->parallel_for(host, (r.count + 63) / 64, run_one, &r) : run_round(&r)))
            return false;
    }
    return true;
}

/* ---- bounds */

#define LOOKS 64 /* groups that a bound looks at */

/* Half a turn for each triangle below the node. */
static float most_turns(const wh_multipole *m, entry e, uint32_t lane)
{
    uint64_t span = WH_LEAF;
    for (uint32_t level = 0; level < e.level; level++)
        span *= WH_LANES;
    const uint64_t begin = ((uint64_t)e.group * WH_LANES + lane) * span;
    const uint64_t rest = begin < m->triangle_count ? m->triangle_count - begin : 0;
    return 0.5f * (float)(rest < span ? rest : span);
}

/* Of area a at the distance d or beyond the winding number is a / (4 pi d^2) at most. */
static vfloat most_of(const wh_multipole_group *g, const float center[3], const float half[3], vint *coarse)
{
    vfloat square = {0};
    for (int k = 0; k < 3; k++) {
        const vfloat away = v_max(v_abs(v_load(g->center[k]) - center[k]) - half[k], v_set(0));
        square += away * away;
    }
    const vfloat radius = v_load(g->radius), distance = v_max(v_sqrt(square) - radius, v_set(1e-12f));
    *coarse = (v_load(g->area) > 0) & (distance < 3 * radius);
    return v_load(g->area) * SPHERE / (distance * distance);
}

float wh__multipole_bound(const wh_multipole *m, const float low[3], const float high[3])
{
    entry queue[LOOKS];
    uint32_t next = 0, end = 0;
    float sum = 0, center[3], half[3];
    for (int k = 0; k < 3; k++) {
        center[k] = 0.5f * (low[k] + high[k]);
        half[k] = 0.5f * (high[k] - low[k]) * 1.000001f + 1e-6f;
    }
    if (m->level_count)
        queue[end++] = root_of(m);
    while (next < end) {
        const entry e = queue[next++];
        float most[WH_LANES];
        vint coarse;
        v_store(most, most_of(group_of(m, e), center, half, &coarse));
        for (uint32_t lane = 0, open = v_bits(coarse); lane < WH_LANES; lane++)
            if (open >> lane & 1 && e.level && end < LOOKS)
                queue[end++] = child_of(e, lane);
            else
                sum += wh_min(most[lane], most_turns(m, e, lane));
    }
    return sum * 1.0001f;
}
