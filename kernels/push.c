/* push.c - move points along their normals. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(deform_push,
    float distance WH_UI(0.01, min = -1000, max = 1000, unit = "m", doc = "How far; below 0 goes inwards");
)
/* clang-format on */

static void push_along(float *restrict x, const float *restrict normal, float distance, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] += distance * normal[i];
    }
}

static void deform_push_run(const wh_block *b)
{
    const deform_push *p = b->params;
    if (!b->nx || !b->ny || !b->nz) { /* points without a mesh */
        return;
    }
    push_along(b->x, b->nx, p->distance, b->count);
    push_along(b->y, b->ny, p->distance, b->count);
    push_along(b->z, b->nz, p->distance, b->count);
}

WH_KERNEL(deform_push, .doc = "Move points along their normals", .needs = WH_NEEDS_NORMALS, .run = deform_push_run);
