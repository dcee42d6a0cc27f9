/* brute.c - the winding number as a plain sum over all triangles in double, which the errors are measured against.
 *
 * A. Van Oosterom, J. Strackee, The Solid Angle of a Plane Triangle, IEEE Trans. Biomed. Eng. 30(2), 1983. */
#include <math.h>
#include <stdint.h>

void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query, int queries,
                   double *out);

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Half of the signed solid angle of the triangle with corners a, b, c around the origin. */
static double half_angle(const double a[3], const double b[3], const double c[3])
{
    const double la = sqrt(dot(a, a)), lb = sqrt(dot(b, b)), lc = sqrt(dot(c, c));
    const double volume =
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    return atan2(volume, la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb);
}

static double winding(const float *position, const uint32_t *triangle, int triangles, const float *q)
{
    double sum = 0, corner[3][3];
    for (int t = 0; t < triangles; t++) {
        for (int k = 0; k < 9; k++)
            corner[k / 3][k % 3] = (double)position[3 * triangle[3 * t + k / 3] + (uint32_t)k % 3] - q[k % 3];
        sum += half_angle(corner[0], corner[1], corner[2]);
    }
    return sum / 6.283185307179586476925;
}

void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query, int queries,
                   double *out)
{
    for (int i = 0; i < queries; i++)
        out[i] = winding(position, triangle, triangles, query + 3 * i);
}
