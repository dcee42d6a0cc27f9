/* brute.c - the winding number as a plain sum over all triangles in double, which the errors are measured against.
 *
 * A. Van Oosterom, J. Strackee, The Solid Angle of a Plane Triangle, IEEE Trans. Biomed. Eng. 30(2), 1983. */
#include <math.h>
#include <stdint.h>

void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query, int queries,
                   double *out);

#define PART 256 /* triangles whose corners stay near while all queries pass */

typedef struct {
    int count;
    double corner[9][PART];
} part;

static part load(const float *position, const uint32_t *triangle, int count)
{
    part p;
    p.count = count;
    for (int t = 0; t < count; t++)
        for (int k = 0; k < 9; k++)
            p.corner[k][t] = position[3 * triangle[3 * t + k / 3] + (uint32_t)k % 3];
    return p;
}

/* tan of half of the signed solid angle is above / below. */
static void half_tangents(const part *p, const double q[3], double *restrict above, double *restrict below)
{
    for (int t = 0; t < p->count; t++) {
        const double ax = p->corner[0][t] - q[0], ay = p->corner[1][t] - q[1], az = p->corner[2][t] - q[2];
        const double bx = p->corner[3][t] - q[0], by = p->corner[4][t] - q[1], bz = p->corner[5][t] - q[2];
        const double cx = p->corner[6][t] - q[0], cy = p->corner[7][t] - q[1], cz = p->corner[8][t] - q[2];
        const double a = sqrt(ax * ax + ay * ay + az * az), b = sqrt(bx * bx + by * by + bz * bz);
        const double c = sqrt(cx * cx + cy * cy + cz * cz);
        above[t] = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx);
        below[t] = a * b * c + (ax * bx + ay * by + az * bz) * c + (bx * cx + by * cy + bz * cz) * a +
                   (cx * ax + cy * ay + cz * az) * b;
    }
}

/* Nearly all angles are small, where the series of the arc tangent is exact to the last digits. */
static int is_small(double above, double below)
{
    return fabs(above) < 0.1 * below;
}

static double sum_small(const double *above, const double *below, int count)
{
    double sum = 0;
    for (int t = 0; t < count; t++) {
        const double x = is_small(above[t], below[t]) ? above[t] / below[t] : 0, s = x * x;
        const double series = 1. / 9 + s * (-1. / 11 + s * (1. / 13 + s * (-1. / 15 + s / 17)));
        sum += x * (1 + s * (-1. / 3 + s * (1. / 5 + s * (-1. / 7 + s * series))));
    }
    return sum;
}

static double sum_large(const double *above, const double *below, int count)
{
    double sum = 0;
    for (int t = 0; t < count; t++)
        if (!is_small(above[t], below[t]))
            sum += atan2(above[t], below[t]);
    return sum;
}

static void add_part(const part *p, const float *query, int queries, double *out)
{
    double above[PART], below[PART];
    for (int i = 0; i < queries; i++) {
        const double q[3] = {query[3 * i], query[3 * i + 1], query[3 * i + 2]};
        half_tangents(p, q, above, below);
        out[i] += (sum_small(above, below, p->count) + sum_large(above, below, p->count)) / 6.283185307179586476925;
    }
}

void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query, int queries,
                   double *out)
{
    for (int i = 0; i < queries; i++)
        out[i] = 0;
    for (int first = 0; first < triangles; first += PART) {
        const part p = load(position, triangle + 3 * first, triangles - first < PART ? triangles - first : PART);
        add_part(&p, query, queries, out);
    }
}
