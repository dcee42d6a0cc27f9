/* tree.h - generalized winding numbers of any triangles, in double precision, without approximation.
 *
 * The winding number of a point is the sum of the signed solid angles of the triangles seen from it, over 4 pi: 1
 * inside a closed mesh whose triangles are counter-clockwise from outside, 0 outside, a fraction near holes, 2 where
 * two solids overlap, -1 inside a mesh that is inside out. Results are rounded to multiples of 2^-32, which hides the
 * rounding errors of the sum: a closed mesh gives whole numbers. A point gets the same bits alone or in any batch.
 *
 * On the surface the winding number jumps, so it has no value there; what is returned is finite: a triangle counts 0
 * when the point lies on one of its corners or exactly in its plane, and half a turn or none where rounding decides.
 * A point with a coordinate that is not finite gets 0. A mesh without triangles gives 0 everywhere. */
#ifndef WH_WINDING_TREE_H
#define WH_WINDING_TREE_H
#include "whorl_kernel.h"

typedef struct wh_tree_node wh_tree_node;

/* clang-format off */
/* A reload keeps it, for building it is dear: whoever changes what a member or a node holds gives a member another
 * name. */
WH_STATE(wh_tree,
    double center[3]; /* point in the tree = (point - center) * scale: within -1 .. 1 */
    double scale;
    double low[3]; /* metres */
    double high[3];
    double *point; /* xyz in the tree; points that are not used are 0 */
    wh_tree_node *nodes;
    uint32_t *codes;
    uint32_t node_count;
)
/* clang-format on */

/* Points at one position count as one, so that unwelded meshes close. Triangles with a point that is not finite are
 * left out, with one warning. NULL after host->fail when memory is short or the mesh has more than
 * 2^30 - 1 points or triangles. */
wh_tree *wh__tree_build(const wh_host *host, const wh_geometry *mesh);
void wh__tree_free(const wh_host *host, wh_tree *tree); /* NULL is fine */

/* The box of the triangles that count, metres; false when there are none. */
bool wh__tree_box(const wh_tree *tree, double low[3], double high[3]);

double wh__tree_winding(const wh_tree *tree, float x, float y, float z);

/* The same for many points at once, much faster. scratch: room for 2 * count. */
void wh__tree_winding_batch(const wh_tree *tree, uint32_t count, const float *x, const float *y, const float *z,
                            double *winding, uint64_t *scratch);

/* The same without a tree, one triangle after the other: for few points. center, scale: see soup.h. */
void wh__tree_sum(const wh_geometry *mesh, const double center[3], double scale, uint32_t count, const float *x,
                  const float *y, const float *z, double *winding);
#endif
