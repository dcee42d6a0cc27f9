/* sides.h - on which side of a half the winding number of a point is, proven, and sharing nothing with kernels/winding.
 *
 * J. Barnes, P. Hut, A hierarchical O(N log N) force-calculation algorithm, 1986, in double, with a bound of the error.
 * A triangle winds 1 / (4 pi) times the integral of n.v / |v|^3 around a point, v from the point to the triangle. Of
 * that, with v = d + e for a node whose middle is at d, the terms of order 0 and 1 in e are summed by the node's
 * moments. The term of order k is a derivative of 1 / |v| of order k + 1 at d, along n and k times along e, over k!; a
 * symmetric form is greatest where its arguments are equal, where this one is (k + 1)! P(cos) / |d|^(k + 2) with a
 * Legendre polynomial P within -1 .. 1. So the rest is at most the sum over k > 1 of (k + 1) |e|^k / |d|^(k + 2), which
 * is |e|^2 / |d|^4 * (3 - 2 r) / (1 - r)^2 where |e| <= r |d|. Near triangles are summed by their solid angles (A. van
 * Oosterom, J. Strackee, 1983).
 *
 * A block of points is settled at once where the bound leaves no doubt of any of them: e then holds the way from the
 * block's middle to the point too, and what is linear in that is summed as a gradient. A point that no bound settles,
 * for it lies on the surface or within 1e-7 of a half, is said to be open. */
#ifndef SIDES_H
#define SIDES_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SIDES_INLINE static inline __attribute__((always_inline)) /* what takes vectors */
#define SIDES_LEAF 3
#define SIDES_DEPTH 128 /* 63 bits of a Morton code, then halves */
#define SIDES_OPEN INT16_MIN

typedef struct {
    double at[3], reach; /* all its triangles are within reach of at */
    double normal[3];    /* integrals over its triangles: of the unit normal n, */
    double tilt[6];      /* of (x - at) n, symmetric: xx, yy, zz, xy + yx, xz + zx, yz + zy, */
    double spread;       /* of |x - at|^2, */
    double mixed;        /* of |x - at|, or more, */
    double area;         /* of 1 */
    uint32_t first, end; /* triangles */
    uint32_t right;      /* the second child; the first is the next node; 0: a leaf */
} sides_node;

typedef struct {
    uint64_t code;
    uint32_t index;
} sides_place;

typedef struct {
    double (*corner)[3][3]; /* of the triangles, in the order of their places */
    sides_node *node;
    uint32_t count, node_count;
    bool closed; /* its winding numbers are whole: which they are is told, not only the side */
} sides;

typedef double sides_four __attribute__((vector_size(32))); /* of four points or blocks, which go down together */
typedef int64_t sides_mask __attribute__((vector_size(32)));

typedef struct {
    sides_four value, error;
} sides_sum;

typedef struct { /* four blocks of points: within half of at, along each axis; of points all are 0 */
    sides_four at[3];
    double half[3], radius;
} sides_blocks;

static inline double sides_dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* ---- order in space */

static uint64_t sides_code(const double p[3], const double low[3], const double size)
{
    uint64_t code = 0;
    for (int k = 0; k < 3; k++) {
        const double v = size > 0 ? (p[k] - low[k]) / size * 2097151 : 0;
        const uint64_t cell = v > 0 ? v < 2097151 ? (uint64_t)v : 2097151 : 0;
        for (int bit = 0; bit < 21; bit++)
            code |= (cell >> bit & 1) << (3 * bit + k);
    }
    return code;
}

static int sides_compare(const void *a, const void *b)
{
    const uint64_t x = ((const sides_place *)a)->code, y = ((const sides_place *)b)->code;
    return x < y ? -1 : x > y;
}

/* ---- build */

static double sides_area(double corner[3][3], double normal[3])
{
    double e[3], f[3];
    for (int k = 0; k < 3; k++)
        e[k] = corner[1][k] - corner[0][k], f[k] = corner[2][k] - corner[0][k];
    normal[0] = 0.5 * (e[1] * f[2] - e[2] * f[1]);
    normal[1] = 0.5 * (e[2] * f[0] - e[0] * f[2]);
    normal[2] = 0.5 * (e[0] * f[1] - e[1] * f[0]);
    return sqrt(sides_dot(normal, normal));
}

static void sides_add_moments(sides_node *n, double corner[3][3])
{
    double normal[3], sum[3] = {0}, squares = 0, t[3][3];
    const double area = sides_area(corner, normal);
    for (int c = 0; c < 3; c++) {
        double v[3], square;
        for (int k = 0; k < 3; k++)
            v[k] = corner[c][k] - n->at[k], sum[k] += v[k];
        square = sides_dot(v, v);
        squares += square;
        n->reach = fmax(n->reach, sqrt(square) * (1 + 1e-12));
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            t[i][j] = sum[i] / 3 * normal[j];
    const double symmetric[6] = {t[0][0], t[1][1], t[2][2], t[0][1] + t[1][0], t[0][2] + t[2][0], t[1][2] + t[2][1]};
    for (int k = 0; k < 6; k++)
        n->tilt[k] += symmetric[k];
    for (int k = 0; k < 3; k++)
        n->normal[k] += normal[k];
    n->spread += area / 12 * (squares + sides_dot(sum, sum)) * (1 + 1e-9);
    n->area += area * (1 + 1e-9);
}

static void sides_set_node(const sides *s, sides_node *n)
{
    double weight = 0;
    for (uint32_t i = n->first; i < n->end; i++) {
        double normal[3];
        const double area = sides_area(s->corner[i], normal) + 1e-300;
        for (int k = 0; k < 3; k++)
            n->at[k] += area * (s->corner[i][0][k] + s->corner[i][1][k] + s->corner[i][2][k]) / 3;
        weight += area;
    }
    for (int k = 0; k < 3; k++)
        n->at[k] /= weight;
    for (uint32_t i = n->first; i < n->end; i++)
        sides_add_moments(n, s->corner[i]);
    n->mixed = sqrt(n->spread * n->area) * (1 + 1e-9);
}

/* Where the highest bit in which the codes differ turns 1; the middle when all are the same. */
static uint32_t sides_split(const sides_place *place, uint32_t first, uint32_t end)
{
    const uint64_t differ = place[first].code ^ place[end - 1].code;
    uint32_t low = first, high = end;
    if (!differ)
        return first + (end - first) / 2;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (place[middle].code >> (63 - __builtin_clzll(differ)) & 1)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void sides_build_node(sides *s, const sides_place *place, uint32_t first, uint32_t end)
{
    sides_node *n = s->node + s->node_count++;
    *n = (sides_node){.first = first, .end = end};
    sides_set_node(s, n);
    if (end - first <= SIDES_LEAF)
        return;
    const uint32_t middle = sides_split(place, first, end);
    sides_build_node(s, place, first, middle);
    n->right = s->node_count;
    sides_build_node(s, place, middle, end);
}

static void sides_corners(const float *position, const uint32_t *triangle, double corner[3][3])
{
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 3; k++)
            corner[c][k] = position[3 * (size_t)triangle[c] + (size_t)k];
}

/* All points are finite. False when memory is short. */
static bool sides_build(sides *s, const float *position, const uint32_t *triangle, uint32_t count, const double low[3],
                        double size)
{
    sides_place *place = malloc(((size_t)count + 1) * sizeof *place);
    *s = (sides){.count = count};
    s->corner = malloc(((size_t)count + 1) * sizeof *s->corner);
    s->node = malloc((2 * (size_t)count + 1) * sizeof *s->node);
    const bool ok = place && s->corner && s->node;
    for (uint32_t i = 0; ok && i < count; i++) {
        double c[3][3], middle[3];
        sides_corners(position, triangle + 3 * (size_t)i, c);
        for (int k = 0; k < 3; k++)
            middle[k] = (c[0][k] + c[1][k] + c[2][k]) / 3;
        place[i] = (sides_place){sides_code(middle, low, size), i};
    }
    if (ok) {
        qsort(place, count, sizeof *place, sides_compare);
        for (uint32_t i = 0; i < count; i++)
            sides_corners(position, triangle + 3 * (size_t)place[i].index, s->corner[i]);
        if (count)
            sides_build_node(s, place, 0, count);
    }
    free(place);
    return ok;
}

static void sides_free(sides *s)
{
    free(s->corner);
    free(s->node);
}

/* ---- sums */

SIDES_INLINE sides_four sides_all(double a)
{
    return a - (sides_four){0};
}

SIDES_INLINE sides_four sides_pick(sides_mask mask, sides_four yes, sides_four no)
{
    return (sides_four)((mask & (sides_mask)yes) | (~mask & (sides_mask)no));
}

SIDES_INLINE sides_four sides_size(sides_four a)
{
    return (sides_four)((sides_mask)a & INT64_MAX);
}

SIDES_INLINE sides_four sides_root(sides_four a)
{
    for (int k = 0; k < 4; k++)
        a[k] = sqrt(a[k]);
    return a;
}

static inline bool sides_any(sides_mask m)
{
    return (m[0] | m[1] | m[2] | m[3]) != 0;
}

SIDES_INLINE sides_four sides_dots(const sides_four a[3], const sides_four b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The angle of (x, y) within 1e-10: the series of atan below tan(pi / 8). */
SIDES_INLINE sides_four sides_angle(sides_four y, sides_four x)
{
    const sides_four ay = sides_size(y), ax = sides_size(x);
    const sides_mask steep = ay > ax;
    const sides_four small = sides_pick(steep, ax, ay), large = sides_pick(steep, ay, ax) + 1e-300;
    const sides_mask far = small > 0.41421356237309503 * large;
    const sides_four t = sides_pick(far, small - large, small) / sides_pick(far, small + large, large), square = t * t;
    sides_four r = sides_all(0);
    for (int n = 27; n >= 3; n -= 2)
        r = ((n & 2) ? -1.0 : 1.0) / n + square * r;
    r = t + t * square * r;
    r = sides_pick(far, r + 0.78539816339744831, r);
    r = sides_pick(steep, 1.5707963267948966 - r, r);
    r = sides_pick(x < 0, 3.1415926535897932 - r, r);
    return sides_pick(y < 0, -r, r);
}

/* Adds half the solid angle over 2 pi. The error is not a number for a point on it, or too close to tell. */
static void sides_add_triangle(double corner[3][3], const sides_four q[3], sides_sum *sum)
{
    sides_four a[3], b[3], c[3];
    for (int k = 0; k < 3; k++)
        a[k] = corner[0][k] - q[k], b[k] = corner[1][k] - q[k], c[k] = corner[2][k] - q[k];
    const sides_four la = sides_root(sides_dots(a, a)), lb = sides_root(sides_dots(b, b)),
                     lc = sides_root(sides_dots(c, c)), most = la * lb * lc;
    const sides_four det =
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    const sides_four down = most + sides_dots(a, b) * lc + sides_dots(b, c) * la + sides_dots(c, a) * lb;
    const sides_mask vague =
        (sides_size(det) + sides_size(down) <= 1e-6 * most) | ((sides_size(det) <= 1e-14 * most) & (down <= 0));
    sum->error += sides_pick(vague, sides_all(NAN), sides_all(1e-8));
    sum->value += sides_angle(det, down) * 0.15915494309189535;
}

/* Gives the node's share of the sums and of their gradients; returns the bound of what is left out, or infinity. */
SIDES_INLINE sides_four sides_node_sum(const sides_node *n, const sides_blocks *b, sides_four *value,
                                       sides_four gradient[3])
{
    const sides_four x = n->at[0] - b->at[0], y = n->at[1] - b->at[1], z = n->at[2] - b->at[2];
    const sides_four square = x * x + y * y + z * z;
    const double reach = n->reach + b->radius;
    if (sides_any(square <= 1.3 * reach * reach))
        return sides_all(INFINITY);
    const sides_four i2 = 1 / square, i1 = sides_root(i2), i3 = i1 * i2 * 0.07957747154594767; /* 1 / (4 pi) */
    const double *t = n->tilt, *m = n->normal;
    const sides_four along = m[0] * x + m[1] * y + m[2] * z;
    const sides_four bent = x * (t[0] * x + t[3] * y + t[4] * z) + y * (t[1] * y + t[5] * z) + z * z * t[2];
    *value = i3 * (along + (t[0] + t[1] + t[2]) - 3 * i2 * bent);
    gradient[0] = i3 * (3 * i2 * along * x - m[0]);
    gradient[1] = i3 * (3 * i2 * along * y - m[1]);
    gradient[2] = i3 * (3 * i2 * along * z - m[2]);
    const double spread = n->spread + b->radius * (2 * n->mixed + b->radius * n->area);
    const sides_four r = reach * i1;
    return spread * i1 * i3 * (3 - 2 * r) / ((1 - r) * (1 - r)) * (1 + 1e-9);
}

/* The winding number of four blocks of points, of nodes whose bound is no more than tolerance by their moments. The
 * error is infinite where no more than a turn would be known, and not a number for a point on a triangle. */
static void sides_winding(const sides *s, const sides_blocks *b, double tolerance, sides_sum *out)
{
    uint32_t stack[SIDES_DEPTH], top = 0;
    sides_four gradient[3] = {{0}};
    sides_sum sum = {{0}, sides_all(1e-9)}; /* what doubles lose */
    if (s->node_count)
        stack[top++] = 0;
    while (top) {
        sides_four value = {0}, g[3] = {{0}};
        const sides_node *n = s->node + stack[--top];
        const sides_four error = sides_node_sum(n, b, &value, g);
        if (!sides_any(error > tolerance) || (b->radius > 0 && !n->right)) {
            sum.value += value, sum.error += error;
            for (int k = 0; k < 3; k++)
                gradient[k] += g[k];
        } else if (n->right) {
            stack[top++] = n->right;
            stack[top++] = (uint32_t)(n - s->node) + 1;
        } else {
            for (uint32_t i = n->first; i < n->end; i++)
                sides_add_triangle(s->corner[i], b->at, &sum);
        }
        if (!sides_any(sum.error < 1)) {
            sum.error = sides_pick(sum.error >= 1, sides_all(INFINITY), sum.error);
            break;
        }
    }
    for (int k = 0; k < 3; k++)
        sum.error += sides_size(gradient[k]) * b->half[k];
    *out = sum;
}

static int16_t sides_decide(const sides *s, double value, double error)
{
    const double whole = floor(value + 0.5);
    if (s->closed)
        return fabs(value - whole) + error < 0.5 && fabs(whole) < 1000 ? (int16_t)whole : SIDES_OPEN;
    return fabs(value - 0.5) > error ? value > 0.5 : SIDES_OPEN;
}

/* Of each block what all its points have: the winding number of a closed mesh, else 1 inside and 0 outside; or
 * SIDES_OPEN. Points are looked at ever closer. */
static void sides_of(const sides *s, const sides_blocks *b, int16_t side[4])
{
    const double least = b->radius > 0 ? 1e-3 : 1e-10;
    bool open = true;
    for (int k = 0; k < 4; k++)
        side[k] = SIDES_OPEN;
    for (double tolerance = b->radius > 0 ? 2e-3 : 1e-2; open && tolerance > least; tolerance *= 0.1) {
        sides_sum w;
        sides_winding(s, b, tolerance, &w);
        open = false;
        for (int k = 0; k < 4; k++) {
            if (side[k] == SIDES_OPEN)
                side[k] = sides_decide(s, w.value[k], w.error[k]);
            open |= side[k] == SIDES_OPEN && !isnan(w.error[k]);
        }
    }
}
#endif
