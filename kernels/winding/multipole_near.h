/* multipole_near.h - the solid angles of near triangles, one or one query in each lane.
 *
 * For unit vectors a, b, c to the corners, half the solid angle is the angle of (1 + a.b + b.c + c.a, det(a, b, c)). */
#ifndef WH_WINDING_MULTIPOLE_NEAR_H
#define WH_WINDING_MULTIPOLE_NEAR_H
#include "multipole_tree.h"

#define TURN 0.159154943f /* 1 / (2 pi) */

typedef struct {
    vfloat re, im; /* half the solid angle is the angle of this number */
    vint turns;    /* whole turns that the product lost */
    vint torn;     /* less the number of triangles that may be off by a turn */
    vfloat doubt;  /* the sum of the squares of the others' errors, in units of WH_ROUNDING */
} angles;

static const angles no_angles = {.re = {0}};

WH_INLINE angles start_angles(void)
{
    angles a = no_angles;
    a.re += 1;
    return a;
}

WH_INLINE vfloat dot(const vfloat a[3], const vfloat b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* How far the angle of (re, im) may be off. The corners and the query are known to 1e-7 (three coordinates, rounded to
 * float, twice), which turns unit vectors by 1e-7 / distance; re and im change by 7 times as much at most. Where both
 * signs of im are possible left of 0, the angle may be off by a turn. */
WH_INLINE void add_doubt(angles *s, vfloat re, vfloat im, vfloat size, vfloat nearest, vint wanted)
{
    const vfloat slack = nearest + 3, edge = slack * (7 * WH_ROUNDING), off = slack * v_rsqrt_rough(size);
    s->torn += wanted & (re < edge) & (v_abs(im) < edge);
    s->doubt += v_and(wanted, off * off);
}

/* In winding numbers. Errors of either sign add up like the root of the sum of their squares; three times that and more
 * is seen once in hundreds of queries that have many triangles near, so it is five times. */
WH_INLINE vfloat doubt_of(const angles *s)
{
    return 7.5f * WH_ROUNDING * v_sqrt(s->doubt) - v_from_int(s->torn);
}

/* Angles are added by multiplying, which loses whole turns: two factors above the real axis whose product is below it
 * have passed half a turn, and mirrored; with one on either side nothing is lost. */
WH_INLINE void add_angle(angles *s, vfloat re, vfloat im)
{
    const vfloat r = s->re * re - s->im * im, i = s->re * im + s->im * re;
    const vint a = (vint)s->im, b = (vint)im, c = (vint)i;
    s->turns += ((a & b & ~c) >> 31) - ((~(a | b) & c) >> 31);
    s->re = r;
    s->im = i;
}

/* a, b, c: the corners less the query; n: the normal, as long as twice the area. Only lanes that are wanted count. */
WH_INLINE void add_triangle(angles *s, const vfloat a[3], const vfloat b[3], const vfloat c[3], const vfloat n[3],
                            vint wanted)
{
    const vfloat ra = v_rsqrt(dot(a, a) + 1e-30f), rb = v_rsqrt(dot(b, b) + 1e-30f), rc = v_rsqrt(dot(c, c) + 1e-30f);
    const vfloat rab = ra * rb;
    vfloat im = dot(n, a) * rab * rc;
    vfloat re = 1 + dot(a, b) * rab + (dot(b, c) * rb + dot(c, a) * ra) * rc;
    const vfloat size = re * re + im * im + 1e-20f;
    const vint counts = wanted & (size >= 1e-12f); /* else it is on an edge or a corner */
    add_doubt(s, re, im, size, v_max(ra, v_max(rb, rc)), wanted);
    re = v_select(counts, re, v_set(1));
    im = v_and(counts, im);
    add_angle(s, re, im);
}

/* To length 1, before the product leaves the range of floats: a factor's length is in 1e-6 .. 4. */
WH_INLINE void shorten(angles *s)
{
    const vfloat r = v_rsqrt(s->re * s->re + s->im * s->im + 1e-37f);
    s->re *= r;
    s->im *= r;
}

/* Abramowitz and Stegun, Handbook of mathematical functions, 4.4.49: within 2e-8 of the angle. */
WH_INLINE vfloat atan_of(vfloat t)
{
    const vfloat s = t * t;
    vfloat r = s * 0.0028662257f - 0.0161657367f;
    r = r * s + 0.0429096138f;
    r = r * s - 0.0752896400f;
    r = r * s + 0.1065626393f;
    r = r * s - 0.1420889944f;
    r = r * s + 0.1999355085f;
    r = r * s - 0.3333314528f;
    return r * s * t + t;
}

WH_INLINE vfloat winding_of(const angles *s)
{
    const vfloat x = v_abs(s->re), y = v_abs(s->im);
    vfloat r = atan_of(v_min(x, y) / (v_max(x, y) + 1e-37f));
    r = v_select(y > x, 1.57079633f - r, r);
    r = v_select(s->re < 0, 3.14159265f - r, r);
    r = (vfloat)((vint)r ^ ((vint)s->im & INT32_MIN));
    return r * TURN + v_from_int(s->turns);
}
#endif
