/* twist.c - rotate points around an axis, further the higher they sit on it.
 *
 * The turn is counter-clockwise for an eye that looks from the far end of the axis back at the origin.
 * A. H. Barr, Global and Local Deformations of Solid Primitives, SIGGRAPH 1984. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_twist,
    float angle     WH_UI(90, min = -3600, max = 3600, unit = "deg", doc = "Turn reached one length up the axis");
    float length    WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Distance over which the turn builds");
    int   axis      WH_UI(1, choices = "x|y|z", doc = "Direction of the axis");
    float origin[3] WH_UI({ 0, 0, 0 }, min = -1e4, max = 1e4, unit = "m", doc = "Point of the axis with no turn");
    bool  clamp     WH_UI(true, doc = "Stop turning past either end of the length");
)
/* clang-format on */

static void deform_twist_run(const wh_block *b)
{
    const deform_twist *p = b->params;
    float *const axes[] = {b->x, b->y, b->z, b->x, b->y};
    const float o[] = {p->origin[0], p->origin[1], p->origin[2], p->origin[0], p->origin[1]};
    const float *restrict h = axes[p->axis];
    float *restrict u = axes[p->axis + 1], *restrict v = axes[p->axis + 2];
    const float oh = o[p->axis], ou = o[p->axis + 1], ov = o[p->axis + 2];
    const float low = p->clamp ? 0.0f : -1e9f, high = p->clamp ? 1.0f : 1e9f;
    const float scale = 1.0f / p->length, angle = p->angle / 360.0f;
    for (uint32_t i = 0; i < b->count; i++) {
        const float turn = angle * wh_clamp((h[i] - oh) * scale, low, high);
        const float du = u[i] - ou, dv = v[i] - ov;
        float s, c;
        wh_sincos_turns(turn, &s, &c);
        u[i] = ou + (c * du - s * dv);
        v[i] = ov + (s * du + c * dv);
    }
}

WH_KERNEL(deform_twist, .doc = "Rotate points around an axis, further the higher they sit on it",
          .source = "Barr, Global and Local Deformations of Solid Primitives, 1984", .run = deform_twist_run);
