/* bend.c - bend an axis into an arc of a circle.
 *
 * The axis keeps its length: a point s up the axis comes to lie s along the arc. What is beside it turns with it, so
 * the side towards the centre is pressed together and the other stretched. Clamped, the shape goes on straight past
 * either end of the arc. A. H. Barr, Global and Local Deformations of Solid Primitives, SIGGRAPH 1984. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_bend,
    float angle     WH_UI(90, min = -3600, max = 3600, unit = "deg", doc = "Angle of the arc that one length becomes");
    float length    WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Length of the axis that is bent");
    int   axis      WH_UI(1, choices = "x|y|z", doc = "Axis that is bent");
    float direction WH_UI(0, min = -360, max = 360, unit = "deg",
                          doc = "Side it bends towards, turned around the axis: x bends to y at 0, y to z, z to x");
    float origin[3] WH_UI({ 0, 0, 0 }, min = -1e4, max = 1e4, unit = "m", doc = "Point of the axis where it begins");
    bool  clamp     WH_UI(true, doc = "Go on straight past either end of the length");
)
/* clang-format on */

static void deform_bend_run(const wh_block *b)
{
    const deform_bend *p = b->params;
    float *const axes[] = {b->x, b->y, b->z, b->x, b->y};
    const float o[] = {p->origin[0], p->origin[1], p->origin[2], p->origin[0], p->origin[1]};
    float *restrict h = axes[p->axis], *restrict u = axes[p->axis + 1], *restrict v = axes[p->axis + 2];
    const float oh = o[p->axis], ou = o[p->axis + 1], ov = o[p->axis + 2];
    const float low = p->clamp ? 0.0f : -1e9f, high = p->clamp ? p->length : 1e9f;
    const float eu = wh_cos(p->direction * WH_RAD), ev = wh_sin(p->direction * WH_RAD);
    const float curvature = p->angle * WH_RAD / p->length;
    if (!(curvature * curvature > 0.0f)) { /* a circle too large for a float */
        return;
    }
    const float radius = 1.0f / curvature, half_turns = p->angle / 720.0f / p->length;
    for (uint32_t i = 0; i < b->count; i++) {
        const float s = h[i] - oh, du = u[i] - ou, dv = v[i] - ov;
        const float on_arc = wh_clamp(s, low, high), past = s - on_arc;
        const float side = eu * du + ev * dv; /* towards the centre; across stays what it is */
        const float across = eu * dv - ev * du;
        float sh, ch;
        wh_sincos_turns(on_arc * half_turns, &sh, &ch);
        const float sine = 2.0f * sh * ch, rise = 2.0f * sh * sh,
                    cosine = 1.0f - rise; /* rise keeps small angles exact */
        const float bent = radius * rise + side * cosine + past * sine;
        h[i] = oh + (radius * sine - side * sine + past * cosine);
        u[i] = ou + (eu * bent - ev * across);
        v[i] = ov + (ev * bent + eu * across);
    }
}

WH_KERNEL(deform_bend, .doc = "Bend an axis into an arc of a circle",
          .source = "Barr, Global and Local Deformations of Solid Primitives, 1984", .run = deform_bend_run);
