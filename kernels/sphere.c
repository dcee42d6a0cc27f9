/* sphere.c - a sphere around the origin: rings of points from pole to pole along y. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_sphere,
    float radius   WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Distance of every point from the origin");
    int   rings    WH_UI(32, min = 2, max = 4096, doc = "Bands from pole to pole");
    int   segments WH_UI(64, min = 3, max = 4096, doc = "Pieces of each band");
)
/* clang-format on */

static void sphere_points(const mesh_sphere *p, float *out)
{
    for (int ring = 1; ring < p->rings; ring++) {
        const float polar = 3.14159265f * (float)ring / (float)p->rings;
        const float y = p->radius * wh_cos(polar), across = p->radius * wh_sin(polar);
        for (int segment = 0; segment < p->segments; segment++, out += 3) {
            const float turn = 6.28318531f * (float)segment / (float)p->segments;
            out[0] = across * wh_sin(turn);
            out[1] = y;
            out[2] = across * wh_cos(turn);
        }
    }
    const float poles[6] = {0.0f, p->radius, 0.0f, 0.0f, -p->radius, 0.0f};
    for (int k = 0; k < 6; k++) {
        out[k] = poles[k];
    }
}

static uint32_t *add_triangle(uint32_t *t, uint32_t a, uint32_t b, uint32_t c)
{
    t[0] = a;
    t[1] = b;
    t[2] = c;
    return t + 3;
}

static bool mesh_sphere_make(const wh_make *m)
{
    const mesh_sphere *p = m->params;
    const uint32_t rows = (uint32_t)p->rings - 1, n = (uint32_t)p->segments, north = rows * n, south = north + 1;
    float *position;
    uint32_t *t;
    if (!m->begin(m, rows * n + 2, rows * n * 2, &position, &t)) {
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    sphere_points(p, position);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t next = (i + 1) % n, last = (rows - 1) * n;
        t = add_triangle(t, north, i, next);
        for (uint32_t row = 0; row < last; row += n) {
            t = add_triangle(t, row + i, row + n + i, row + n + next);
            t = add_triangle(t, row + i, row + n + next, row + next);
        }
        t = add_triangle(t, last + i, south, last + next);
    }
    return true;
}

WH_KERNEL(mesh_sphere, .doc = "A sphere around the origin, poles along y", .make = mesh_sphere_make);
