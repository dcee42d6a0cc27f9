/* multipole_series.h - the algebra of far triangles: multipoles, polynomials, and how one becomes the other.
 *
 * A harmonic polynomial of degree 1, 2, 3 has 3, 5, 7 coefficients, for the basis of degrees_of: x y z;
 * xx - zz, yy - zz, xy, xz, yz; xxx - 3 xzz, yyy - 3 yzz, xxy - yzz, xyy - xzz, 3 xxz - zzz, 3 yyz - zzz, xyz. */
#ifndef WH_WINDING_MULTIPOLE_SERIES_H
#define WH_WINDING_MULTIPOLE_SERIES_H
#include "multipole_tree.h"

typedef struct {
    vfloat first[3], second[5], third[7];
} series;

/* The parts of degree 1, 2, 3 of the harmonic polynomial. */
WH_INLINE void degrees_of(const series *c, vfloat x, vfloat y, vfloat z, vfloat degree[3])
{
    const vfloat zz = z * z, p = x * x - zz, s = y * y - zz, t = zz + zz, xy = x * y;
    degree[0] = c->first[0] * x + c->first[1] * y + c->first[2] * z;
    degree[1] = c->second[0] * p + c->second[1] * s + c->second[2] * xy + z * (c->second[3] * x + c->second[4] * y);
    degree[2] = x * (c->third[0] * (p - t) + c->third[3] * s) + y * (c->third[1] * (s - t) + c->third[2] * p) +
                z * (c->third[4] * (3 * p + t) + c->third[5] * (3 * s + t) + c->third[6] * xy);
}

/* The potential of a node whose center is at x, y, z from the query. */
WH_INLINE vfloat far_potential(const series *c, vfloat x, vfloat y, vfloat z)
{
    vfloat degree[3];
    degrees_of(c, x, y, z, degree);
    const vfloat r = v_rsqrt(x * x + y * y + z * z), rr = r * r;
    return (degree[0] + (degree[1] + degree[2] * rr) * rr) * (rr * r);
}

WH_INLINE series load_series(const wh_multipole_group *g)
{
    series s;
    for (int k = 0; k < 3; k++)
        s.first[k] = v_load(g->first[k]);
    for (int k = 0; k < 5; k++)
        s.second[k] = v_load(g->second[k]);
    for (int k = 0; k < 7; k++)
        s.third[k] = v_load(g->third[k]);
    return s;
}

WH_INLINE series spread_series(const wh_multipole_group *g, uint32_t lane)
{
    series s;
    for (int k = 0; k < 3; k++)
        s.first[k] = v_set(g->first[k][lane]);
    for (int k = 0; k < 5; k++)
        s.second[k] = v_set(g->second[k][lane]);
    for (int k = 0; k < 7; k++)
        s.third[k] = v_set(g->third[k][lane]);
    return s;
}

/* ---- polynomials */

typedef struct {
    float value, first[3], second[5], third[7]; /* for the basis of degrees_of, about a cell's center */
} polynomial;

typedef struct {
    vfloat value, first[3], second[5], third[7];
} polynomials; /* one in each lane */

typedef struct { /* derivatives of 1 / r */
    vfloat first[3], second[6];
    vfloat xxx, yyy, zzz, xxy, xxz, xyy, yyz, xzz, yzz, xyz;
    vfloat xxxx, yyyy, zzzz, xxxy, xxxz, xyyy, yyyz, xzzz, yzzz, xxyy, xxzz, yyzz, xxyz, xyyz, xyzz;
} derivatives;

WH_INLINE void set_fourth(derivatives *d, vfloat x, vfloat y, vfloat z, vfloat r5, vfloat r7, vfloat r9)
{
    const vfloat xx = x * x, yy = y * y, xy = x * y, xz = x * z, yz = y * z;
    const vfloat t = 105 * r9, f = 15 * r7;
    d->xxxx = (t * xx - 6 * f) * xx + 9 * r5;
    d->yyyy = (t * yy - 6 * f) * yy + 9 * r5;
    d->xxyy = t * xx * yy - f * (xx + yy) + 3 * r5;
    d->xxxy = xy * (t * xx - 3 * f);
    d->xxxz = xz * (t * xx - 3 * f);
    d->xyyy = xy * (t * yy - 3 * f);
    d->yyyz = yz * (t * yy - 3 * f);
    d->xxyz = yz * (t * xx - f);
    d->xyyz = xz * (t * yy - f);
    d->xxzz = -d->xxxx - d->xxyy; /* 1 / r is harmonic */
    d->yyzz = -d->yyyy - d->xxyy;
    d->zzzz = -d->xxzz - d->yyzz;
    d->xyzz = -d->xxxy - d->xyyy;
    d->xzzz = -d->xxxz - d->xyyz;
    d->yzzz = -d->xxyz - d->yyyz;
}

/* At x, y, z; 0 where the mask is not set. */
WH_INLINE derivatives derivatives_at(vfloat x, vfloat y, vfloat z, vfloat r)
{
    derivatives d;
    const vfloat rr = r * r, r3 = rr * r, r5 = r3 * rr, r7 = r5 * rr, t = 3 * r5, u = -15 * r7;
    d.first[0] = -x * r3;
    d.first[1] = -y * r3;
    d.first[2] = -z * r3;
    d.second[0] = t * x * x - r3;
    d.second[1] = t * y * y - r3;
    d.second[2] = -d.second[0] - d.second[1];
    d.second[3] = t * x * y;
    d.second[4] = t * x * z;
    d.second[5] = t * y * z;
    d.xxx = x * (u * x * x + 3 * t);
    d.yyy = y * (u * y * y + 3 * t);
    d.xxy = y * (u * x * x + t);
    d.xxz = z * (u * x * x + t);
    d.xyy = x * (u * y * y + t);
    d.yyz = z * (u * y * y + t);
    d.xyz = u * x * y * z;
    d.zzz = -d.xxz - d.yyz;
    d.xzz = -d.xxx - d.xyy;
    d.yzz = -d.xxy - d.yyy;
    set_fourth(&d, x, y, z, r5, r7, r7 * rr);
    return d;
}

/* Moments in all directions of their indices: second: xx yy zz xy xz yz; third as in wh_moments. */
WH_INLINE vfloat by_first(const wh_moments *m, vfloat x, vfloat y, vfloat z)
{
    return m->first[0] * x + m->first[1] * y + m->first[2] * z;
}

WH_INLINE vfloat by_second(const wh_moments *m, vfloat xx, vfloat yy, vfloat zz, vfloat xy, vfloat xz, vfloat yz)
{
    return m->second[0] * xx + m->second[1] * yy + m->second[2] * zz +
           2 * (m->second[3] * xy + m->second[4] * xz + m->second[5] * yz);
}

WH_INLINE vfloat by_third(const wh_moments *m, vfloat xxx, vfloat yyy, vfloat zzz, vfloat xxy, vfloat xxz, vfloat xyy,
                          vfloat yyz, vfloat xzz, vfloat yzz, vfloat xyz)
{
    return m->third[0] * xxx + m->third[1] * yyy + m->third[2] * zzz +
           3 * (m->third[3] * xxy + m->third[4] * xxz + m->third[5] * xyy + m->third[6] * yyz + m->third[7] * xzz +
                m->third[8] * yzz) +
           6 * m->third[9] * xyz;
}

WH_INLINE void add_slopes(polynomials *p, const wh_moments *m, const derivatives *d)
{
    const vfloat *s = d->second;
    p->first[0] +=
        by_first(m, s[0], s[3], s[4]) + by_second(m, d->xxx, d->xyy, d->xzz, d->xxy, d->xxz, d->xyz) +
        by_third(m, d->xxxx, d->xyyy, d->xzzz, d->xxxy, d->xxxz, d->xxyy, d->xyyz, d->xxzz, d->xyzz, d->xxyz);
    p->first[1] +=
        by_first(m, s[3], s[1], s[5]) + by_second(m, d->xxy, d->yyy, d->yzz, d->xyy, d->xyz, d->yyz) +
        by_third(m, d->xxxy, d->yyyy, d->yzzz, d->xxyy, d->xxyz, d->xyyy, d->yyyz, d->xyzz, d->yyzz, d->xyyz);
    p->first[2] +=
        by_first(m, s[4], s[5], s[2]) + by_second(m, d->xxz, d->yyz, d->zzz, d->xyz, d->xzz, d->yzz) +
        by_third(m, d->xxxz, d->yyyz, d->zzzz, d->xxyz, d->xxzz, d->xyyz, d->yyzz, d->xzzz, d->yzzz, d->xyzz);
}

WH_INLINE void add_curves(polynomials *p, const wh_moments *m, const derivatives *d)
{
    p->second[0] -= 0.5f * (by_first(m, d->xxx, d->xxy, d->xxz) +
                            by_second(m, d->xxxx, d->xxyy, d->xxzz, d->xxxy, d->xxxz, d->xxyz));
    p->second[1] -= 0.5f * (by_first(m, d->xyy, d->yyy, d->yyz) +
                            by_second(m, d->xxyy, d->yyyy, d->yyzz, d->xyyy, d->xyyz, d->yyyz));
    p->second[2] -=
        by_first(m, d->xxy, d->xyy, d->xyz) + by_second(m, d->xxxy, d->xyyy, d->xyzz, d->xxyy, d->xxyz, d->xyyz);
    p->second[3] -=
        by_first(m, d->xxz, d->xyz, d->xzz) + by_second(m, d->xxxz, d->xyyz, d->xzzz, d->xxyz, d->xxzz, d->xyzz);
    p->second[4] -=
        by_first(m, d->xyz, d->yyz, d->yzz) + by_second(m, d->xxyz, d->yyyz, d->yzzz, d->xyyz, d->xyzz, d->yyzz);
}

WH_INLINE void add_thirds(polynomials *p, const wh_moments *m, const derivatives *d)
{
    p->third[0] += (1.0f / 6) * by_first(m, d->xxxx, d->xxxy, d->xxxz);
    p->third[1] += (1.0f / 6) * by_first(m, d->xyyy, d->yyyy, d->yyyz);
    p->third[2] += 0.5f * by_first(m, d->xxxy, d->xxyy, d->xxyz);
    p->third[3] += 0.5f * by_first(m, d->xxyy, d->xyyy, d->xyyz);
    p->third[4] += (1.0f / 6) * by_first(m, d->xxxz, d->xxyz, d->xxzz);
    p->third[5] += (1.0f / 6) * by_first(m, d->xyyz, d->yyyz, d->yyzz);
    p->third[6] += by_first(m, d->xxyz, d->xyyz, d->xyzz);
}

/* The nodes of a group whose mask is set, as polynomials about a center that is x, y, z away. */
static void add_polynomials(polynomials *p, const wh_multipole_group *g, vint mask, vfloat x, vfloat y, vfloat z)
{
    const wh_moments m = moments_of(g);
    const derivatives d = derivatives_at(x, y, z, v_and(mask, v_rsqrt(x * x + y * y + z * z)));
    p->value -= by_first(&m, d.first[0], d.first[1], d.first[2]) +
                by_second(&m, d.second[0], d.second[1], d.second[2], d.second[3], d.second[4], d.second[5]) +
                by_third(&m, d.xxx, d.yyy, d.zzz, d.xxy, d.xxz, d.xyy, d.yyz, d.xzz, d.yzz, d.xyz);
    add_slopes(p, &m, &d);
    add_curves(p, &m, &d);
    add_thirds(p, &m, &d);
}

static void add_lanes(polynomial *sum, const polynomials *p)
{
    sum->value += v_sum(p->value);
    for (int k = 0; k < 3; k++)
        sum->first[k] += v_sum(p->first[k]);
    for (int k = 0; k < 5; k++)
        sum->second[k] += v_sum(p->second[k]);
    for (int k = 0; k < 7; k++)
        sum->third[k] += v_sum(p->third[k]);
}

/* The same polynomial about another center, which is x, y, z away. */
static polynomial moved(const polynomial *p, float x, float y, float z)
{
    const float *a = p->first, *b = p->second, *d = p->third;
    const float bzz = -b[0] - b[1], xzz = -3 * d[0] - d[3], yzz = -3 * d[1] - d[2], zzz = -d[4] - d[5];
    polynomial o = *p;
    o.value += x * (a[0] + x * (b[0] + x * d[0])) + y * (a[1] + y * (b[1] + y * d[1])) +
               z * (a[2] + z * (bzz + z * zzz)) + b[2] * x * y + b[3] * x * z + b[4] * y * z + d[2] * x * x * y +
               d[3] * x * y * y + 3 * d[4] * x * x * z + 3 * d[5] * y * y * z + xzz * x * z * z + yzz * y * z * z +
               d[6] * x * y * z;
    o.first[0] += 2 * b[0] * x + 3 * d[0] * x * x + b[2] * y + b[3] * z + 2 * d[2] * x * y + 6 * d[4] * x * z +
                  d[3] * y * y + xzz * z * z + d[6] * y * z;
    o.first[1] += 2 * b[1] * y + 3 * d[1] * y * y + b[2] * x + b[4] * z + d[2] * x * x + 2 * d[3] * x * y +
                  6 * d[5] * y * z + yzz * z * z + d[6] * x * z;
    o.first[2] += 2 * bzz * z + 3 * zzz * z * z + b[3] * x + b[4] * y + 3 * d[4] * x * x + 3 * d[5] * y * y +
                  2 * xzz * x * z + 2 * yzz * y * z + d[6] * x * y;
    o.second[0] += 3 * d[0] * x + d[2] * y + 3 * d[4] * z;
    o.second[1] += 3 * d[1] * y + d[3] * x + 3 * d[5] * z;
    o.second[2] += 2 * d[2] * x + 2 * d[3] * y + d[6] * z;
    o.second[3] += 6 * d[4] * x + 2 * xzz * z + d[6] * y;
    o.second[4] += 6 * d[5] * y + 2 * yzz * z + d[6] * x;
    return o;
}
#endif
