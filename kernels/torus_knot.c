/* torus_knot.c - a tube along a knot that lies on a torus around the y axis.
 *
 * The frame of the tube is the torus's own normal, so it meets itself without a twist where the knot closes. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_torus_knot,
    int   p        WH_UI(2, min = 1, max = 32, doc = "Turns around the y axis; shares no factor with q");
    int   q        WH_UI(3, min = 1, max = 32, doc = "Turns around the tube of the torus");
    float radius   WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Radius of the torus; its tube has half of it");
    float tube     WH_UI(0.15, min = 1e-4, max = 1e4, unit = "m", doc = "Radius of the tube; too wide meets itself");
    int   segments WH_UI(256, min = 8, max = 16384, doc = "Pieces along the knot");
    int   sides    WH_UI(24, min = 3, max = 1024, doc = "Pieces around the tube");
)
/* clang-format on */

static int knot_common_factor(int a, int b)
{
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The knot at turn t of 0 .. 1: its point, the torus's normal there, and what is across both normal and knot. */
static void knot_frame(const mesh_torus_knot *k, float t, float point[3], float normal[3], float across[3])
{
    const float p = (float)k->p, q = (float)k->q, tube = 0.5f * k->radius;
    const float turn = 6.28318531f * (p * t - wh_floor(p * t)), around = 6.28318531f * (q * t - wh_floor(q * t));
    const float s = wh_sin(turn), c = wh_cos(turn), sa = wh_sin(around), ca = wh_cos(around);
    const float reach = k->radius + tube * ca;
    const float along_turn = p * reach,
                along_around = q * tube; /* the knot's direction, in the torus's two directions */
    const float length = sqrtf(along_turn * along_turn + along_around * along_around);
    const float ct = along_turn / length, st = along_around / length;
    const float out[3] = {s, 0.0f, c}, up[3] = {0.0f, 1.0f, 0.0f}, ahead[3] = {c, 0.0f, -s};
    for (int i = 0; i < 3; i++) {
        point[i] = reach * out[i] + tube * sa * up[i];
        normal[i] = ca * out[i] + sa * up[i];
        across[i] = ct * (ca * up[i] - sa * out[i]) - st * ahead[i];
    }
}

static void knot_points(const mesh_torus_knot *k, float *out)
{
    for (int segment = 0; segment < k->segments; segment++) {
        float point[3], normal[3], across[3];
        knot_frame(k, (float)segment / (float)k->segments, point, normal, across);
        for (int side = 0; side < k->sides; side++) {
            const float around = 6.28318531f * (float)side / (float)k->sides;
            const float c = k->tube * wh_cos(around), s = k->tube * wh_sin(around);
            for (int i = 0; i < 3; i++) {
                *out++ = point[i] + c * normal[i] + s * across[i];
            }
        }
    }
}

static bool mesh_torus_knot_make(const wh_make *m)
{
    const mesh_torus_knot *k = m->params;
    const uint32_t segments = (uint32_t)k->segments, sides = (uint32_t)k->sides;
    float *position;
    uint32_t *t;
    if (knot_common_factor(k->p, k->q) != 1) {
        m->host->fail(m->host, "p and q share a factor, so the knot would run over itself (2 and 3 share none)");
        return false;
    }
    if (k->segments < 4 * k->p || k->segments < 4 * k->q) {
        m->host->fail(m->host, "fewer than four segments for each turn of the knot (raise segments, or lower p and q)");
        return false;
    }
    if (!m->begin(m, segments * sides, segments * sides * 2, &position, &t)) {
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    knot_points(k, position);
    for (uint32_t i = 0; i < segments; i++) {
        const uint32_t here = i * sides, there = (i + 1) % segments * sides;
        for (uint32_t j = 0; j < sides; j++, t += 6) {
            const uint32_t next = (j + 1) % sides;
            const uint32_t corners[6] = {here + j, there + j, there + next, here + j, there + next, here + next};
            for (int c = 0; c < 6; c++) {
                t[c] = corners[c];
            }
        }
    }
    return true;
}

WH_KERNEL(mesh_torus_knot, .doc = "A tube along a knot on a torus around the y axis", .make = mesh_torus_knot_make);
