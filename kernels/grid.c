/* grid.c - a flat rectangle around the origin, facing up along y. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_grid,
    float size[2]      WH_UI({ 1, 1 }, min = 1e-4, max = 1e4, unit = "m", doc = "Width along x and depth along z");
    int   divisions[2] WH_UI({ 32, 32 }, min = 1, max = 4096, doc = "Squares along x and along z");
)
/* clang-format on */

static void grid_points(const mesh_grid *p, float *out)
{
    for (int k = 0; k <= p->divisions[1]; k++) {
        const float z = p->size[1] * ((float)k / (float)p->divisions[1] - 0.5f);
        for (int i = 0; i <= p->divisions[0]; i++, out += 3) {
            out[0] = p->size[0] * ((float)i / (float)p->divisions[0] - 0.5f);
            out[1] = 0.0f;
            out[2] = z;
        }
    }
}

static bool mesh_grid_make(const wh_make *m)
{
    const mesh_grid *p = m->params;
    const uint32_t nx = (uint32_t)p->divisions[0], nz = (uint32_t)p->divisions[1], row = nx + 1;
    float *position;
    uint32_t *t;
    if (!m->begin(m, row * (nz + 1), nx * nz * 2, &position, &t)) {
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    grid_points(p, position);
    for (uint32_t k = 0; k < nz; k++) {
        for (uint32_t i = 0; i < nx; i++, t += 6) {
            const uint32_t a = k * row + i, corners[6] = {a, a + row, a + row + 1, a, a + row + 1, a + 1};
            for (int c = 0; c < 6; c++) {
                t[c] = corners[c];
            }
        }
    }
    return true;
}

WH_KERNEL(mesh_grid, .doc = "A flat rectangle around the origin, facing up along y", .make = mesh_grid_make);
