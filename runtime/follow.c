/* follow.c - see follow.h.
 *
 * A point goes with the triangle that is nearest to it, as if it were fixed to its two edges and its normal, which is
 * as long as the root of the area: so it turns, shears and grows with the triangle (the frame of R. Sumner and
 * J. Popovic, Deformation Transfer for Triangle Meshes, 2004). Where a mesh moves as a whole, its points do. Points
 * deep in a mesh swing with their triangle, and two beside each other may have different ones. */
#include "follow.h"
#include <math.h>
#include <string.h>

typedef struct {
    double v[3];
} vector;

static vector minus(vector a, vector b)
{
    return (vector){{a.v[0] - b.v[0], a.v[1] - b.v[1], a.v[2] - b.v[2]}};
}

static double dot(vector a, vector b)
{
    return a.v[0] * b.v[0] + a.v[1] * b.v[1] + a.v[2] * b.v[2];
}

static vector cross(vector a, vector b)
{
    const double *u = a.v, *w = b.v;
    return (vector){{u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]}};
}

typedef struct {
    vector origin, first, second, area, normal; /* area: as long as twice that; normal: as its root, the same way */
} frame;

static frame frame_of(vector a, vector b, vector c)
{
    frame f = {.origin = a, .first = minus(b, a), .second = minus(c, a)};
    f.area = f.normal = cross(f.first, f.second);
    const double length = sqrt(sqrt(dot(f.area, f.area)));
    for (int k = 0; k < 3; k++)
        f.normal.v[k] = length > 0 ? f.area.v[k] / length : 0;
    return f;
}

/* Where a point that is fixed to one frame is when that has become another. By areas, as the products of the edges of a
 * sliver cancel to nothing. */
static vector carry(const frame *from, const frame *to, vector p)
{
    const vector d = minus(p, from->origin);
    const double square = dot(from->area, from->area);
    const double s = dot(cross(d, from->second), from->area) / square,
                 t = dot(cross(from->first, d), from->area) / square,
                 h = dot(d, from->normal) / dot(from->normal, from->normal);
    vector out;
    for (int k = 0; k < 3; k++)
        out.v[k] = to->origin.v[k] + s * to->first.v[k] + t * to->second.v[k] + h * to->normal.v[k];
    return out;
}

static vector point_at(const void *points, size_t stride, uint32_t index)
{
    float p[3];
    memcpy(p, (const char *)points + index * stride, sizeof p);
    return (vector){{(double)p[0], (double)p[1], (double)p[2]}};
}

static frame frame_at(const void *points, size_t stride, const uint32_t *corner)
{
    return frame_of(point_at(points, stride, corner[0]), point_at(points, stride, corner[1]),
                    point_at(points, stride, corner[2]));
}

static void move(const wh__surface *s, const uint32_t *corner, float *x, float *y, float *z)
{
    const frame from = frame_at(s->tree.mesh->position, 12, corner), to = frame_at(s->moved, s->stride, corner);
    const vector p = carry(&from, &to, (vector){{(double)*x, (double)*y, (double)*z}});
    *x = (float)p.v[0], *y = (float)p.v[1], *z = (float)p.v[2];
}

static float value_of(const wh_attribute *a, uint32_t index)
{
    float value;
    memcpy(&value, (const char *)a->value + index * (a->stride ? a->stride : sizeof value), sizeof value);
    return value;
}

void wh__bind_points(const wh__surface *s, uint32_t count, float *x, float *y, float *z, uint32_t *triangle,
                     float *const *column)
{
    for (uint32_t i = 0; i < count; i++) {
        const wh__place p = wh__nearest_to(&s->tree, x[i], y[i], z[i]);
        const float second = p.place[0], third = p.place[1], first = 1 - second - third;
        const uint32_t *corner = s->tree.mesh->triangle + (p.triangle == UINT32_MAX ? 0 : (size_t)p.triangle * 3);
        triangle[i] = p.triangle;
        column[WH_COLUMN_SECOND][i] = second;
        column[WH_COLUMN_THIRD][i] = third;
        column[WH_COLUMN_DISTANCE][i] = p.distance;
        for (uint32_t k = WH_COLUMN_ATTRIBUTES; k < s->columns; k++) {
            const wh_attribute *a = &s->view->attribute[k - WH_COLUMN_ATTRIBUTES];
            column[k][i] = p.triangle == UINT32_MAX ? 0
                                                    : first * value_of(a, corner[0]) + second * value_of(a, corner[1]) +
                                                          third * value_of(a, corner[2]);
        }
        if (s->moved && p.triangle != UINT32_MAX)
            move(s, corner, &x[i], &y[i], &z[i]);
    }
}
