/* ball.c - 1 inside a ball, 0 outside, eased in between. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(field_ball,
    float center[3] WH_UI({ 0, 0, 0 }, min = -1e6, max = 1e6, unit = "m", doc = "Centre of the ball");
    float radius    WH_UI(1, min = 0, max = 1e6, unit = "m", doc = "Distance from the centre up to which it is 1");
    float falloff   WH_UI(0, min = 0, max = 1e6, unit = "m", doc = "From there to where it is 0; 0 is a sharp edge");
)
/* clang-format on */

static void field_ball_run(const wh_block *b)
{
    const field_ball *p = b->params;
    const float *restrict x = b->x, *restrict y = b->y, *restrict z = b->z;
    float *restrict value = b->value;
    const float cx = p->center[0], cy = p->center[1], cz = p->center[2];
    const float inner = p->radius, outer = p->radius + p->falloff;
    for (uint32_t i = 0; i < b->count; i++) {
        const float dx = x[i] - cx, dy = y[i] - cy, dz = z[i] - cz;
        value[i] = wh_smoothstep(-outer, -inner, -sqrtf(dx * dx + dy * dy + dz * dz)); /* 0 for a NaN */
    }
}

WH_KERNEL(field_ball, .doc = "1 inside a ball, 0 outside, eased in between", .run = field_ball_run);
