/* attribute.c - a value that the mesh brings for each point: a painted weight, a mask. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(field_attribute,
    char name[64] WH_UI("", attribute = true, doc = "Name of the point attribute");
)
/* clang-format on */

static void field_attribute_run(const wh_block *b)
{
    const float *restrict from = b->attribute ? b->attribute[0] : NULL;
    float *restrict value = b->value;
    for (uint32_t i = 0; i < b->count; i++) {
        value[i] = from ? from[i] : 0.0f;
    }
}

WH_KERNEL(field_attribute, .doc = "Values that the mesh brings for each point", .run = field_attribute_run);
