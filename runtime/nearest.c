/* nearest.c - a tree of boxes over triangles; see nearest.h.
 *
 * Each node has half of the triangles of its parent, split along the longest side of their middles, so the tree needs
 * no pointers, and the nodes of a level are built at once. The nearest place of a triangle is that of C. Ericson,
 * Real-Time Collision Detection, 2005, section 5.1.5. */
#include "nearest.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAF 4 /* most triangles of a leaf */
#define DEEPEST 32

typedef struct {
    wh__nearest *tree;
    float (*middle)[3]; /* three times that of each triangle of the mesh */
    uint32_t level;
} build;

static const float *corner(const wh_geometry *m, uint32_t triangle, int k)
{
    return m->position + (size_t)m->triangle[(size_t)triangle * 3 + (size_t)k] * 3;
}

static bool has_area(const wh_geometry *m, uint32_t triangle)
{
    const float *a = corner(m, triangle, 0), *b = corner(m, triangle, 1), *c = corner(m, triangle, 2);
    double u[3], w[3];
    for (int k = 0; k < 3; k++)
        u[k] = (double)b[k] - (double)a[k], w[k] = (double)c[k] - (double)a[k];
    const double x = u[1] * w[2] - u[2] * w[1], y = u[2] * w[0] - u[0] * w[2], z = u[0] * w[1] - u[1] * w[0];
    const double area = x * x + y * y + z * z;
    return area > 0 && area < HUGE_VAL;
}

static void range_of(const wh__nearest *t, uint32_t level, uint32_t index, uint32_t *from, uint32_t *to)
{
    *from = (uint32_t)((uint64_t)t->count * index >> level);
    *to = (uint32_t)((uint64_t)t->count * (index + 1) >> level);
}

static int longest_axis(const build *b, uint32_t from, uint32_t to)
{
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (uint32_t i = from; i < to; i++)
        for (int k = 0; k < 3; k++) {
            low[k] = fminf(low[k], b->middle[b->tree->order[i]][k]);
            high[k] = fmaxf(high[k], b->middle[b->tree->order[i]][k]);
        }
    const float x = high[0] - low[0], y = high[1] - low[1], z = high[2] - low[2];
    return x >= y && x >= z ? 0 : y >= z ? 1 : 2;
}

static bool comes_before(const build *b, uint32_t one, uint32_t other, int axis)
{
    const float x = b->middle[one][axis], y = b->middle[other][axis];
    return x != y ? x < y : one < other;
}

/* Those that come before the one at `place`, were they sorted, go before it (C. A. R. Hoare, Find, 1961). */
static void split(const build *b, uint32_t from, uint32_t to, uint32_t place, int axis)
{
    uint32_t *order = b->tree->order;
    while (to - from > 1) {
        const uint32_t pivot = order[from + (to - from) / 2];
        uint32_t i = from, k = to - 1;
        for (;;) {
            while (comes_before(b, order[i], pivot, axis))
                i++;
            while (comes_before(b, pivot, order[k], axis))
                k--;
            if (i >= k)
                break;
            const uint32_t kept = order[i];
            order[i] = order[k], order[k] = kept;
        }
        if (place == i)
            return;
        if (place < i)
            to = i;
        else
            from = i + 1;
    }
}

static void split_node(void *context, uint32_t index)
{
    const build *b = context;
    uint32_t from, to, middle, end;
    range_of(b->tree, b->level, index, &from, &to);
    range_of(b->tree, b->level + 1, 2 * index, &middle, &end);
    if (end > from && end < to)
        split(b, from, to, end, longest_axis(b, from, to));
}

static void take_in(float box[6], const float *p)
{
    for (int k = 0; k < 3; k++) {
        box[k] = fminf(box[k], p[k]);
        box[3 + k] = fmaxf(box[3 + k], p[k]);
    }
}

static void box_node(void *context, uint32_t index)
{
    const build *b = context;
    const wh__nearest *t = b->tree;
    const uint32_t node = (1u << b->level) - 1 + index;
    float *box = t->box[node];
    for (int k = 0; k < 3; k++)
        box[k] = INFINITY, box[3 + k] = -INFINITY;
    if (b->level < t->depth) {
        for (uint32_t child = 2 * node + 1; child <= 2 * node + 2; child++) {
            take_in(box, t->box[child]);
            take_in(box, t->box[child] + 3);
        }
        return;
    }
    uint32_t from, to;
    range_of(t, b->level, index, &from, &to);
    for (uint32_t i = from; i < to; i++)
        for (int k = 0; k < 3; k++)
            take_in(box, corner(t->mesh, t->order[i], k));
}

static void find_middles(build *b)
{
    const wh_geometry *m = b->tree->mesh;
    for (uint32_t i = 0; i < m->triangle_count; i++) {
        for (int k = 0; k < 3; k++)
            b->middle[i][k] = corner(m, i, 0)[k] / 3 + corner(m, i, 1)[k] / 3 + corner(m, i, 2)[k] / 3;
        if (has_area(m, i))
            b->tree->order[b->tree->count++] = i;
    }
}

static bool build_levels(wh__cook *c, build *b)
{
    bool ok = true;
    for (b->level = 0; ok && b->level < b->tree->depth; b->level++)
        ok = wh__cook_parallel(c, 1u << b->level, 0, "nearest", split_node, b);
    for (b->level = b->tree->depth + 1; ok && b->level-- > 0;)
        ok = wh__cook_parallel(c, 1u << b->level, 0, "nearest", box_node, b);
    return ok;
}

bool wh__nearest_build(wh__cook *c, const wh_geometry *mesh, wh__nearest *out)
{
    const size_t n = mesh->triangle_count;
    *out = (wh__nearest){.mesh = mesh};
    while (((uint64_t)LEAF << out->depth) < n)
        out->depth++;
    build b = {.tree = out, .middle = malloc(n * sizeof *b.middle + 1)};
    out->order = malloc(n * sizeof *out->order + 1);
    out->box = malloc(((size_t)2 << out->depth) * sizeof *out->box);
    bool ok = b.middle && out->order && out->box;
    if (!ok)
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
    if (ok) {
        find_middles(&b);
        ok = build_levels(c, &b);
    }
    free(b.middle);
    if (!ok)
        wh__nearest_free(out);
    return ok;
}

void wh__nearest_free(wh__nearest *n)
{
    free(n->order);
    free(n->box);
    *n = (wh__nearest){0};
}

/* ---- asking */

typedef struct {
    double d[3];
} vector;

static vector between(const double *from, const float *to)
{
    return (vector){{(double)to[0] - from[0], (double)to[1] - from[1], (double)to[2] - from[2]}};
}

static double dot(vector a, vector b)
{
    return a.d[0] * b.d[0] + a.d[1] * b.d[1] + a.d[2] * b.d[2];
}

static vector minus(vector a, vector b)
{
    return (vector){{a.d[0] - b.d[0], a.d[1] - b.d[1], a.d[2] - b.d[2]}};
}

/* Weights of the second and third corner at the place that is nearest to the origin. */
static void place_in(vector a, vector b, vector c, double *v, double *w)
{
    const vector ab = minus(b, a), ac = minus(c, a);
    const double d1 = -dot(ab, a), d2 = -dot(ac, a), d3 = -dot(ab, b), d4 = -dot(ac, b), d5 = -dot(ab, c),
                 d6 = -dot(ac, c);
    const double va = d3 * d6 - d5 * d4, vb = d5 * d2 - d1 * d6, vc = d1 * d4 - d3 * d2;
    if (d1 <= 0 && d2 <= 0)
        *v = *w = 0;
    else if (d3 >= 0 && d4 <= d3)
        *v = 1, *w = 0;
    else if (vc <= 0 && d1 >= 0 && d3 <= 0)
        *v = d1 / (d1 - d3), *w = 0;
    else if (d6 >= 0 && d5 <= d6)
        *v = 0, *w = 1;
    else if (vb <= 0 && d2 >= 0 && d6 <= 0)
        *v = 0, *w = d2 / (d2 - d6);
    else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0)
        *w = (d4 - d3) / ((d4 - d3) + (d5 - d6)), *v = 1 - *w;
    else
        *v = vb / (va + vb + vc), *w = vc / (va + vb + vc);
}

typedef struct {
    const wh__nearest *tree;
    double point[3], best; /* the least distance^2 so far */
    wh__place place;
} question;

static double box_distance(const float *box, const double *p)
{
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        const double below = (double)box[k] - p[k], above = p[k] - (double)box[3 + k];
        const double off = below > 0 ? below : above > 0 ? above : 0;
        sum += off * off;
    }
    return sum;
}

static void ask_triangle(question *q, uint32_t triangle)
{
    const wh_geometry *m = q->tree->mesh;
    const vector a = between(q->point, corner(m, triangle, 0)), b = between(q->point, corner(m, triangle, 1)),
                 c = between(q->point, corner(m, triangle, 2));
    double v, w, sum = 0;
    place_in(a, b, c, &v, &w);
    for (int k = 0; k < 3; k++) {
        const double off = a.d[k] + v * (b.d[k] - a.d[k]) + w * (c.d[k] - a.d[k]);
        sum += off * off;
    }
    if (!(sum < q->best))
        return;
    q->best = sum;
    q->place = (wh__place){triangle, {(float)v, (float)w}, (float)sqrt(sum)};
}

static void ask_leaf(question *q, uint32_t index)
{
    uint32_t from, to;
    range_of(q->tree, q->tree->depth, index, &from, &to);
    for (uint32_t i = from; i < to; i++)
        ask_triangle(q, q->tree->order[i]);
}

typedef struct {
    uint32_t node;
    double distance; /* squared */
} waiting;

static waiting wait_for(const question *q, uint32_t node)
{
    return (waiting){node, box_distance(q->tree->box[node], q->point)};
}

wh__place wh__nearest_to(const wh__nearest *n, float x, float y, float z)
{
    question q = {.tree = n, .point = {(double)x, (double)y, (double)z}, .best = HUGE_VAL};
    waiting stack[DEEPEST + 1];
    uint32_t used = 0;
    q.place = (wh__place){UINT32_MAX, {0, 0}, INFINITY};
    const uint32_t first_leaf = (1u << n->depth) - 1;
    if (n->count)
        stack[used++] = wait_for(&q, 0);
    while (used > 0) {
        const waiting w = stack[--used];
        if (!(w.distance < q.best))
            continue;
        if (w.node >= first_leaf) {
            ask_leaf(&q, w.node - first_leaf);
            continue;
        }
        const waiting left = wait_for(&q, 2 * w.node + 1), right = wait_for(&q, 2 * w.node + 2);
        const bool left_first = left.distance <= right.distance;
        stack[used++] = left_first ? right : left;
        stack[used++] = left_first ? left : right;
    }
    return q.place;
}
