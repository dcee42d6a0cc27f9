/* ramp.c - a value that grows along an axis, from 0 at one coordinate to 1 at another. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(field_ramp,
    int   axis  WH_UI(1, choices = "x|y|z", doc = "Axis along which it grows");
    float from  WH_UI(0, min = -1e6, max = 1e6, unit = "m", doc = "Coordinate where it is 0, and 0 before it");
    float to    WH_UI(1, min = -1e6, max = 1e6, unit = "m",
                      doc = "Coordinate where it is 1, and 1 past it; the same as from: 0 up to there, 1 above");
    int   curve WH_UI(0, choices = "linear|smooth", doc = "Straight, or eased in and out");
)
/* clang-format on */

static void field_ramp_run(const wh_block *b)
{
    const field_ramp *p = b->params;
    const float *const axes[] = {b->x, b->y, b->z};
    const float *restrict h = axes[p->axis];
    float *restrict value = b->value;
    const float from = p->from, to = p->to;
    if (p->curve == 0) {
        for (uint32_t i = 0; i < b->count; i++) {
            value[i] = wh_step(from, to, h[i]);
        }
        return;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        value[i] = wh_smoothstep(from, to, h[i]);
    }
}

WH_KERNEL(field_ramp, .doc = "Grow along an axis from 0 to 1", .run = field_ramp_run);
