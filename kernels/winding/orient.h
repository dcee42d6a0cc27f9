/* orient.h - signs that decide on which side a query lies, right whatever the rounding, for points that are floats.
 *
 * J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates, 1997: a
 * determinant in double is far from 0 by more than its rounding, or is worked out anew. Differences of floats are
 * nearly always exact in double; then their products are compared exactly, with the remainder that fma gives.
 *
 * An edge is always seen from its lower end, so the triangles on both sides of it hear the same answer. A point on an
 * edge counts as moved by next to nothing, first along v, then, by even less, along u: as all edges are asked about the
 * same moved point, the answers fit together. */
#ifndef WH_WINDING_ORIENT_H
#define WH_WINDING_ORIENT_H
#include "whorl_kernel.h"

#define WH_SIDE_UNSURE 2 /* exact only with more digits than double has: coordinates 2^29 apart in size */

/* a - b, without what rounding took? */
WH_INLINE bool wh__is_exact_difference(double a, double b)
{
    double x = a - b, from_b = a - x, from_a = x + from_b;
    return (from_b - b) + (a - from_a) == 0;
}

/* Sign of p * q - r * s for doubles. */
static inline int wh__compare_products(double p, double q, double r, double s)
{
    double a = p * q, b = r * s;
    if (a != b) /* rounding keeps order */
        return a > b ? 1 : -1;
    double more = fma(p, q, -a), less = fma(r, s, -b);
    return (more > less) - (more < less);
}

/* 1 when the point (u, v) lies before the edge from a to b along u, -1 behind it, 0 on it; a[1] <= v < b[1]. */
static inline int wh__side(double au, double av, double bu, double bv, double u, double v)
{
    double along = bu - au, up = v - av, across = u - au, height = bv - av;
    double p = along * up, q = across * height, d = p - q;
    if (fabs(d) > (fabs(p) + fabs(q)) * 3.4e-16)
        return d > 0 ? 1 : -1;
    if (!wh__is_exact_difference(bu, au) || !wh__is_exact_difference(v, av) || !wh__is_exact_difference(u, au) ||
        !wh__is_exact_difference(bv, av))
        return WH_SIDE_UNSURE;
    return wh__compare_products(along, up, across, height);
}

/* det(a - q, b - q, c - q), positive when q sees the triangle counter-clockwise from behind; *rounding: at most so far
 * from the truth. */
WH_INLINE double wh__volume(const float a[3], const float b[3], const float c[3], const float q[3], double *rounding)
{
    double ax = (double)a[0] - (double)q[0], ay = (double)a[1] - (double)q[1], az = (double)a[2] - (double)q[2];
    double bx = (double)b[0] - (double)q[0], by = (double)b[1] - (double)q[1], bz = (double)b[2] - (double)q[2];
    double cx = (double)c[0] - (double)q[0], cy = (double)c[1] - (double)q[1], cz = (double)c[2] - (double)q[2];
    double bxcy = bx * cy, cxby = cx * by, cxay = cx * ay, axcy = ax * cy, axby = ax * by, bxay = bx * ay;
    *rounding = ((fabs(bxcy) + fabs(cxby)) * fabs(az) + (fabs(cxay) + fabs(axcy)) * fabs(bz) +
                 (fabs(axby) + fabs(bxay)) * fabs(cz)) *
                7.8e-16;
    return az * (bxcy - cxby) + bz * (cxay - axcy) + cz * (axby - bxay);
}
#endif
