/* ripple.c - rings that run outwards from the y axis. */
#include "whorl_kernel.h"

WH_PARAMS(deform_ripple,
    float height WH_UI(0.05, min = -10, max = 10, unit = "m", doc = "Height of the rings");
    float length WH_UI(0.3, min = 1e-3, max = 100, unit = "m", doc = "Distance from ring to ring");
    float speed  WH_UI(0.5, min = -100, max = 100, unit = "m/s", doc = "How fast they run outwards");
)

static void deform_ripple_run(const wh_block *b)
{
    const deform_ripple *p = b->params;
    const float turn = 6.2831853f / p->length, shift = p->speed * (float)b->time;
    for (uint32_t i = 0; i < b->count; i++) {
        const float r = sqrtf(b->x[i] * b->x[i] + b->z[i] * b->z[i]);
        b->y[i] += p->height * wh_sin((r - shift) * turn);
    }
}

WH_KERNEL(deform_ripple, .doc = "Rings that run outwards from the y axis", .run = deform_ripple_run);
