/* crossing.h - how often a closed surface winds around a point, by counting where a ray leaves and enters it.
 *
 * All is decided for the floats that come in, mesh and query, in any unit: nothing is moved, scaled or rounded first.
 * An answer is proven, or it is WH_NOT_PROVEN: then the query is on the surface, or closer to it than double can tell.
 *
 * The box of the surface is cut into columns along one axis. In a column the triangles, seen along it, form clusters
 * with gaps between them; in a gap no triangle is, so there one winding number holds for all queries: most need no
 * more than to find their gap. In a cluster the ray goes up to the gap above, and meets the few triangles over it. */
#ifndef WH_WINDING_CROSSING_H
#define WH_WINDING_CROSSING_H
#include "surface.h"

#define WH_NOT_PROVEN INT32_MIN

typedef struct {
    float high, low; /* along the axis, of all its triangles */
    uint32_t first;  /* item; its last is the one before the next cluster's first */
    int32_t above;   /* winding number in the gap above it */
} wh_cluster;

typedef struct {
    const wh_face *face; /* borrowed */
    uint32_t face_count;
    uint32_t axis;    /* of the rays: 0, 1, 2; u and v are the next two axes in turn */
    uint32_t columns; /* along u */
    uint32_t rows;    /* along v */
    float low[3];     /* of the surface: u, v, axis */
    float high[3];
    float scale;         /* fine cells in a metre along u and v; a column is 32 wide */
    uint32_t *column;    /* for each column, row by row: its first cluster; then one without any, then the end */
    wh_cluster *cluster; /* from high to low in each column */
    uint64_t *item;      /* face, and above it, in steps of 1/32, its box in the column */
    uint32_t cluster_count;
    uint32_t item_count;
} wh_crossing;

/* The surface must be closed, which is not looked into, and live as long as the result. False when memory is short.
 * When out->columns is 0 the surface is too wide or too small for floats: then every answer is WH_NOT_PROVEN. */
bool wh__crossing_build(const wh_host *host, const wh_surface *surface, wh_crossing *out);
void wh__crossing_free(const wh_host *host, wh_crossing *crossing); /* not the surface */

/* For any number of points, alone or in batches, in any order. A point that is not finite gets 0. */
void wh__crossing_many(const wh_crossing *crossing, uint32_t count, const float *x, const float *y, const float *z,
                       int32_t *winding);
#endif
