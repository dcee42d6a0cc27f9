/* doubt.h - where on a lattice the caps of a surface may matter.
 *
 * With w = n - w(caps) and n whole, whether w is at least a half is known from n alone where |w(caps)| is below a half.
 * A triangle of area A winds at most A / (4 pi d^2) around a point at distance d, and never more than a half. */
#ifndef WH_WINDING_DOUBT_H
#define WH_WINDING_DOUBT_H
#include "lattice.h"

typedef struct {
    float low[3], high[3];
    float area;     /* over 4 pi */
    uint32_t count; /* caps; 1: a leaf */
    uint32_t right; /* the left child is the next node */
} wh_doubt_node;

typedef struct {
    wh_doubt_node *node;
    uint32_t count;
} wh_doubt;

/* False when memory is short. */
bool wh__doubt_build(const wh_host *host, const float *position, const uint32_t *cap, uint32_t cap_count,
                     wh_doubt *out);
void wh__doubt_free(const wh_host *host, wh_doubt *doubt);

/* Sets to 1 what is marked of the points, by their numbers, where the caps may wind by limit or more; others stay as
 * they are. False when memory is short. [any thread] */
bool wh__doubt_mark(const wh_host *host, const wh_doubt *doubt, const wh_slab *slab, float limit, uint8_t *marked);
#endif
