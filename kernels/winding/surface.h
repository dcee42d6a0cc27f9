/* surface.h - the triangles of a closed surface, each with its own corners. */
#ifndef WH_WINDING_SURFACE_H
#define WH_WINDING_SURFACE_H
#include "whorl_kernel.h"

typedef struct {
    float corner[3][3]; /* xyz, as in the mesh */
} wh_face;

typedef struct {
    wh_face *face;
    uint32_t count;
    uint32_t layers;       /* along z, for lattices in many slabs; 0: none */
    float low[3], high[3]; /* metres */
    uint32_t *order;       /* faces by the layer of their lower ends */
    uint32_t *layer;       /* where each begins in order, and one more */
    float *layer_high;     /* the highest end of its faces along z */
} wh_surface;

/* Triangles and the caps that close them (see chain.h). *sound: all their points are finite, and no two corners of a
 * triangle are at one position; else the box is not known. False when memory is short. */
bool wh__surface_build(const wh_host *host, const float *position, const uint32_t *triangle, uint32_t triangle_count,
                       const uint32_t *cap, uint32_t cap_count, wh_surface *out, bool *sound);
bool wh__surface_add_layers(const wh_host *host, wh_surface *surface);
void wh__surface_free(const wh_host *host, wh_surface *surface);

typedef struct {
    float low, high;
} wh_range;

/* Along an axis: 0, 1, 2. */
WH_INLINE wh_range wh__face_range(const wh_face *f, uint32_t axis)
{
    float a = f->corner[0][axis], b = f->corner[1][axis], c = f->corner[2][axis];
    return (wh_range){wh_min(wh_min(a, b), c), wh_max(wh_max(a, b), c)};
}

WH_INLINE uint32_t wh__layer_of(const wh_surface *s, float z)
{
    double i = ((double)z - s->low[2]) * (s->layers / ((double)s->high[2] - s->low[2]));
    return !(i > 0) ? 0 : i < s->layers ? (uint32_t)i : s->layers - 1;
}
#endif
