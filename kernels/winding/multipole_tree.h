/* multipole_tree.h - what the nodes of the tree of multipole.h hold.
 *
 * The winding number of triangles with unit normals n around q is the integral of n . (x - q) / (4 pi |x - q|^3) over
 * them. With x = c + s, c the node's center, it is expanded in powers of s: harmonic polynomials of degree 1, 2 and 3
 * in (c - q), over powers of the distance. A harmonic polynomial of one degree has 3, 5 and 7 coefficients; these are
 * for the basis of series_at in multipole.c, with 1 / (4 pi) in them. */
#ifndef WH_WINDING_MULTIPOLE_TREE_H
#define WH_WINDING_MULTIPOLE_TREE_H
#include "multipole.h"
#include "simd.h"

#define WH_LEAF (WH_LANES / 2) /* triangles of a leaf: half a block */

#define WH_ROUNDING 1e-7f /* of a position: three coordinates of corner and query, rounded to float */

struct wh_multipole_group { /* WH_LANES nodes */
    float center[3][WH_LANES];
    float radius[WH_LANES]; /* of a ball around the center that holds the triangles */
    float area[WH_LANES];   /* 0: nothing in it counts */
    float spread[WH_LANES]; /* root of the mean square of the distance from the center */
    float reach[WH_LANES];  /* over the distance, to the fifth power: about the first term left out */
    float blur[WH_LANES];   /* over the square of the distance: the error because corners are rounded */
    float first[3][WH_LANES];
    float second[5][WH_LANES];
    float third[7][WH_LANES];
};

struct wh_multipole_block {       /* WH_LANES triangles; those that fill up are points */
    float corner[3][3][WH_LANES]; /* [which][axis] */
};

/* Moments of area with a direction n, the symmetric part: of n, s n, s s n / 2.
 * second: xx yy zz xy xz yz; third: xxx yyy zzz xxy xxz xyy yyz xzz yzz xyz. */
typedef struct {
    vfloat first[3], second[6], third[10];
} wh_moments;

WH_INLINE float wh__fifth_root(float v) /* of 1e-30 .. 1e30; 0 of what is less */
{
    union {
        float f;
        uint32_t u;
    } y = {v};
    y.u = y.u / 5 + 852256000u; /* the exponent by 5; within some percent */
    for (int i = 0; i < 3; i++)
        y.f -= (y.f - v / (y.f * y.f * y.f * y.f)) * 0.2f;
    return v > 1e-30f ? y.f : 0;
}

/* Of a block's triangles, with the length of twice the area. */
WH_INLINE void wh__normals(const wh_multipole_block *b, vfloat n[3])
{
    vfloat d[3], e[3];
    for (int k = 0; k < 3; k++) {
        d[k] = v_load(b->corner[1][k]) - v_load(b->corner[0][k]);
        e[k] = v_load(b->corner[2][k]) - v_load(b->corner[0][k]);
    }
    n[0] = d[1] * e[2] - d[2] * e[1];
    n[1] = d[2] * e[0] - d[0] * e[2];
    n[2] = d[0] * e[1] - d[1] * e[0];
}

/* What is left of a node's moments of second and third degree without their traces, which have no potential. */
WH_INLINE wh_moments moments_of(const wh_multipole_group *g)
{
    wh_moments m;
    for (int k = 0; k < 3; k++)
        m.first[k] = v_load(g->first[k]);
    m.second[0] = v_load(g->second[0]) * (-1.0f / 3);
    m.second[1] = v_load(g->second[1]) * (-1.0f / 3);
    m.second[2] = -m.second[0] - m.second[1];
    for (int k = 3; k < 6; k++)
        m.second[k] = v_load(g->second[k - 1]) * (-1.0f / 6);
    m.third[0] = v_load(g->third[0]) * (1.0f / 15);
    m.third[1] = v_load(g->third[1]) * (1.0f / 15);
    m.third[3] = v_load(g->third[2]) * (1.0f / 45);
    m.third[5] = v_load(g->third[3]) * (1.0f / 45);
    m.third[4] = v_load(g->third[4]) * (1.0f / 15);
    m.third[6] = v_load(g->third[5]) * (1.0f / 15);
    m.third[9] = v_load(g->third[6]) * (1.0f / 90);
    m.third[7] = -m.third[0] - m.third[5];
    m.third[8] = -m.third[3] - m.third[1];
    m.third[2] = -m.third[4] - m.third[6];
    return m;
}
#endif
