/* chain.h - the boundary of any triangles, and triangles that close it.
 *
 * The boundary is what remains of the edges of all triangles when opposite ones cancel. Triangles without a boundary
 * wind around a point a whole number of times, which can be counted; so for any triangles T with caps C that have the
 * opposite boundary, w(T) = n(T and C) - w(C) with n whole. A triangle that is there twice has its edges twice. */
#ifndef WH_WINDING_CHAIN_H
#define WH_WINDING_CHAIN_H
#include "whorl_kernel.h"

typedef struct {
    uint64_t open;      /* boundary edges, each as often as it counts; 0: closed */
    uint32_t *cap;      /* three points for each; NULL when there are none */
    uint32_t cap_count; /* about as many as there are boundary edges */
    bool worth_closing; /* few enough caps that counting and the caps cost less than the triangles */
} wh_chain;

/* Whether there is no boundary, going by the indices alone. False when the cook was cancelled. */
bool wh__chain_closes(const wh_host *host, const uint32_t *triangle, uint32_t count, bool *closed);

/* point: xyz, any unit, equal positions welded: one index for one position. Caps are made when they are worth it.
 * False when memory is short or the cook was cancelled. */
bool wh__chain_build(const wh_host *host, const float *point, uint32_t point_count, const uint32_t *triangle,
                     uint32_t triangle_count, wh_chain *out);
void wh__chain_free(const wh_host *host, wh_chain *chain);
#endif
