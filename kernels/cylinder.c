/* cylinder.c - a closed cylinder or cone that stands on the origin along y. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_cylinder,
    float radius     WH_UI(0.25, min = 1e-4, max = 1e4, unit = "m", doc = "Radius at the bottom, y = 0");
    float tip_radius WH_UI(0.25, min = 1e-4, max = 1e4, unit = "m", doc = "Radius at the top");
    float height     WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Height of the top");
    int   rings      WH_UI(32, min = 1, max = 4096, doc = "Bands from bottom to top");
    int   segments   WH_UI(32, min = 3, max = 4096, doc = "Pieces of each band");
)
/* clang-format on */

static void cylinder_points(const mesh_cylinder *p, float *out)
{
    for (int ring = 0; ring <= p->rings; ring++) {
        const float t = (float)ring / (float)p->rings, radius = wh_mix(p->radius, p->tip_radius, t);
        for (int segment = 0; segment < p->segments; segment++, out += 3) {
            const float turn = 6.28318531f * (float)segment / (float)p->segments;
            out[0] = radius * wh_sin(turn);
            out[1] = p->height * t;
            out[2] = radius * wh_cos(turn);
        }
    }
    const float middles[6] = {0.0f, 0.0f, 0.0f, 0.0f, p->height, 0.0f};
    for (int k = 0; k < 6; k++) {
        out[k] = middles[k];
    }
}

static uint32_t *add_triangle(uint32_t *t, uint32_t a, uint32_t b, uint32_t c)
{
    t[0] = a;
    t[1] = b;
    t[2] = c;
    return t + 3;
}

static bool mesh_cylinder_make(const wh_make *m)
{
    const mesh_cylinder *p = m->params;
    const uint32_t rings = (uint32_t)p->rings, n = (uint32_t)p->segments, top = rings * n;
    const uint32_t bottom_middle = top + n, top_middle = top + n + 1;
    float *position;
    uint32_t *t;
    if (!m->begin(m, top + n + 2, (rings + 1) * n * 2, &position, &t)) {
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    cylinder_points(p, position);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t next = (i + 1) % n;
        t = add_triangle(t, bottom_middle, next, i);
        for (uint32_t row = 0; row < top; row += n) {
            t = add_triangle(t, row + i, row + next, row + n + next);
            t = add_triangle(t, row + i, row + n + next, row + n + i);
        }
        t = add_triangle(t, top_middle, top + i, top + next);
    }
    return true;
}

WH_KERNEL(mesh_cylinder, .doc = "A closed cylinder or cone that stands on the origin along y",
          .make = mesh_cylinder_make);
