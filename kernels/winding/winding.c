/* winding.c - how often the mesh wraps around a point: 1 inside, 0 outside, fractions near holes. See tree.h. */
#include "tree.h"

WH_NO_PARAMS(field_winding)

static void *field_winding_prepare(const wh_host *host, const wh_geometry *mesh, const void *params)
{
    (void)params;
    return wh__tree_build(host, mesh);
}

static void field_winding_release(const wh_host *host, void *state)
{
    wh__tree_free(host, state);
}

static void field_winding_run(const wh_block *b)
{
    double winding[WH_BLOCK];
    uint64_t scratch[2 * WH_BLOCK];
    wh__tree_winding_batch(b->state, b->count, b->x, b->y, b->z, winding, scratch);
    for (uint32_t i = 0; i < b->count; i++)
        b->value[i] = (float)winding[i];
}

WH_KERNEL(field_winding, .needs = WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS,
          .doc = "Winding number of the mesh around a point: 1 inside, 0 outside, fractions near holes",
          .source = "Jacobson, Kavan, Sorkine-Hornung 2013; van Oosterom, Strackee 1983",
          .prepare = field_winding_prepare, .release = field_winding_release, .run = field_winding_run,
          .state = WH_STATE_TEXT(wh_tree), .state_size = sizeof(wh_tree));
