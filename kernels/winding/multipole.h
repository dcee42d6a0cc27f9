/* multipole.h - winding numbers of any triangles, fast and within a given error: by multipoles, near triangles exactly.
 *
 * Coordinates are normalised floats: the triangles lie within -1 .. 1 on each axis, queries anywhere. */
#ifndef WH_WINDING_MULTIPOLE_H
#define WH_WINDING_MULTIPOLE_H
#include "whorl_kernel.h"

#define WH_MULTIPOLE_LEVELS 16

typedef struct wh_multipole_group wh_multipole_group;
typedef struct wh_multipole_block wh_multipole_block;

/* A tree with as many branches as there are lanes (WH_LANES). Leaf n is one half of block n / 2, which holds WH_LANES
 * triangles; node n of level k + 1 is the parent of group n of level k, which holds WH_LANES nodes. So there are no
 * links; the last block and the last group of a level are filled up with what weighs nothing. */
typedef struct {
    wh_multipole_group *group;           /* all levels, the lowest first */
    wh_multipole_block *block;           /* triangles in the order of the tree */
    uint32_t first[WH_MULTIPOLE_LEVELS]; /* group of each level */
    uint32_t level_count;                /* 0: no triangles */
    uint32_t triangle_count;
    float area; /* of all triangles */
} wh_multipole;

/* False when memory is short, or when host->parallel_for was cancelled; *out is then empty. */
bool wh__multipole_build(const wh_host *host, const float *point, const uint32_t *triangle, uint32_t triangle_count,
                         wh_multipole *out);
void wh__multipole_free(const wh_host *host, wh_multipole *m);
uint64_t wh__multipole_bytes(const wh_multipole *m);

/* accuracy: the largest error of what the multipoles give, 1e-5 .. 1e-1 (others count as the nearest of these).
 * error, which may be NULL: a bound on the error of this value, accuracy and the rounding of the near triangles
 * together. It is large (1 and more) where rounding decides on which side of a triangle the query lies. Values are
 * finite for every query; they are 0 for one that is not finite. */
float wh__multipole_one(const wh_multipole *m, float x, float y, float z, float accuracy, float *error);

/* The same for many queries: in parallel, and from some thousands on much faster than one by one. The values do not
 * depend on the number of threads, but they do on the other queries, within the error. False when memory is short or
 * the cook was cancelled. */
bool wh__multipole_many(const wh_host *host, const wh_multipole *m, uint32_t count, const float *x, const float *y,
                        const float *z, float accuracy, float *value, float *error);

/* No point of the box has a winding number of larger size. */
float wh__multipole_bound(const wh_multipole *m, const float low[3], const float high[3]);
#endif
