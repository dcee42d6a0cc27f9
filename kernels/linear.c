/* linear.c - scale about the origin, each axis by its own factor. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_linear,
    float factor[3] WH_UI({ 1, 1, 1 }, min = -1000, max = 1000, doc = "Scale of x, y and z");
)
/* clang-format on */

static void deform_linear_run(const wh_block *b)
{
    const deform_linear *p = b->params;
    const float fx = p->factor[0], fy = p->factor[1], fz = p->factor[2];
    float *restrict x = b->x, *restrict y = b->y, *restrict z = b->z;
    for (uint32_t i = 0; i < b->count; i++) {
        x[i] *= fx;
        y[i] *= fy;
        z[i] *= fz;
    }
}

WH_KERNEL(deform_linear, .doc = "Scale about the origin, each axis by its own factor", .run = deform_linear_run);
