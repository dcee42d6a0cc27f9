/* taper.c - scale the cross section, more the higher a point sits on the axis.
 *
 * A. H. Barr, Global and Local Deformations of Solid Primitives, SIGGRAPH 1984. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_taper,
    float factor    WH_UI(0.5, min = 0, max = 100, doc = "Scale of the cross section one length up the axis");
    float length    WH_UI(1, min = 1e-4, max = 1e4, unit = "m", doc = "Distance from scale 1 to scale factor");
    int   axis      WH_UI(1, choices = "x|y|z", doc = "Direction of the axis");
    float origin[3] WH_UI({ 0, 0, 0 }, min = -1e4, max = 1e4, unit = "m", doc = "Point of the axis with scale 1");
    bool  clamp     WH_UI(true, doc = "Keep the scale past either end; else it goes on, but never below 0");
)
/* clang-format on */

static void deform_taper_run(const wh_block *b)
{
    const deform_taper *p = b->params;
    float *const axes[] = {b->x, b->y, b->z, b->x, b->y};
    const float o[] = {p->origin[0], p->origin[1], p->origin[2], p->origin[0], p->origin[1]};
    const float *restrict h = axes[p->axis];
    float *restrict u = axes[p->axis + 1], *restrict v = axes[p->axis + 2];
    const float oh = o[p->axis], ou = o[p->axis + 1], ov = o[p->axis + 2];
    const float low = p->clamp ? 0.0f : -1e9f, high = p->clamp ? 1.0f : 1e9f;
    const float inverse = 1.0f / p->length, factor = p->factor;
    for (uint32_t i = 0; i < b->count; i++) {
        const float t = wh_clamp((h[i] - oh) * inverse, low, high);
        const float scale = wh_max(wh_mix(1.0f, factor, t), 0.0f);
        u[i] = ou + (u[i] - ou) * scale;
        v[i] = ov + (v[i] - ov) * scale;
    }
}

WH_KERNEL(deform_taper, .doc = "Scale the cross section, more the higher a point sits on the axis",
          .source = "Barr, Global and Local Deformations of Solid Primitives, 1984", .run = deform_taper_run);
