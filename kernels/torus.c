/* torus.c - a ring around the y axis. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_torus,
    float radius   WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "From the origin to the middle of the tube");
    float tube     WH_UI(0.4, min = 1e-4, max = 1e4, unit = "m", doc = "Radius of the tube, best below radius");
    int   segments WH_UI(64, min = 3, max = 4096, doc = "Pieces around the hole");
    int   sides    WH_UI(32, min = 3, max = 4096, doc = "Pieces around the tube");
)
/* clang-format on */

static void torus_points(const mesh_torus *p, float *out)
{
    for (int segment = 0; segment < p->segments; segment++) {
        const float turn = 6.28318531f * (float)segment / (float)p->segments, s = wh_sin(turn), c = wh_cos(turn);
        for (int side = 0; side < p->sides; side++, out += 3) {
            const float around = 6.28318531f * (float)side / (float)p->sides;
            const float reach = p->radius + p->tube * wh_cos(around);
            out[0] = reach * s;
            out[1] = p->tube * wh_sin(around);
            out[2] = reach * c;
        }
    }
}

static bool mesh_torus_make(const wh_make *m)
{
    const mesh_torus *p = m->params;
    const uint32_t segments = (uint32_t)p->segments, sides = (uint32_t)p->sides;
    float *position;
    uint32_t *t;
    if (!m->begin(m, segments * sides, segments * sides * 2, &position, &t)) {
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    torus_points(p, position);
    for (uint32_t i = 0; i < segments; i++) {
        const uint32_t here = i * sides, there = (i + 1) % segments * sides;
        for (uint32_t k = 0; k < sides; k++, t += 6) {
            const uint32_t next = (k + 1) % sides;
            const uint32_t corners[6] = {here + k, there + k, there + next, here + k, there + next, here + next};
            for (int c = 0; c < 6; c++) {
                t[c] = corners[c];
            }
        }
    }
    return true;
}

WH_KERNEL(mesh_torus, .doc = "A ring around the y axis", .make = mesh_torus_make);
