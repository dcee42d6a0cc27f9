/* engine.h - the winding number of any mesh, each time by the way that is best for the mesh and the work.
 *
 * A mesh without boundary winds a whole number of times, which rays count (crossing.h); on lattices whole rows at once
 * (lattice.h). A mesh with holes is closed by caps, and what the caps wind is taken off: w(mesh) = n(mesh and caps) -
 * w(caps), the second by multipoles (multipole.h). Where caps would be as many as triangles, all triangles are summed
 * by multipoles. Whoever has to know on which side of a threshold a point lies, and hears that the error does not tell,
 * asks the judge (tree.h).
 *
 * On the surface, where the winding number jumps, the value of a field is the mean of those just beside the point, in
 * the eight diagonal directions: on a smooth part half of the jump. */
#ifndef WH_WINDING_ENGINE_H
#define WH_WINDING_ENGINE_H
#include "crossing.h"
#include "doubt.h"
#include "multipole.h"
#include "tree.h"

typedef struct wh_engine_lazy wh_engine_lazy;

/* clang-format off */
/* A reload keeps it, for building it is dear: whoever changes what a member holds gives it another name. */
WH_STATE(wh_engine,
    double center[3]; /* of the multipoles' coordinates, see soup.h */
    double scale;
    double low[3];    /* metres, of the triangles that count */
    double high[3];
    uint32_t count;   /* of those triangles */
    uint32_t caps;    /* triangles that close them */
    wh_surface *surface;     /* both; NULL: it is not worth closing */
    wh_doubt *doubt;         /* of the caps; NULL: there are none */
    wh_multipole *multipole; /* of the caps, or of all triangles; NULL: there are none */
    wh_engine_lazy *lazy;
)
/* clang-format on */

/* Builds in parallel, and notes which way it goes. NULL after host->fail. exact: only the tree, for wh__engine_tree;
 * nothing else may be asked. */
wh_engine *wh__engine_build(const wh_host *host, const wh_geometry *mesh);
wh_engine *wh__engine_build_exact(const wh_host *host, const wh_geometry *mesh);
const wh_tree *wh__engine_tree(const wh_engine *engine);
void wh__engine_free(const wh_host *host, wh_engine *engine);                /* NULL is fine */
bool wh__engine_box(const wh_engine *engine, double low[3], double high[3]); /* false: no triangles */

/* Rays are made ready when somebody needs them: now. Without a host nothing can be built. False when memory is short.
 */
bool wh__engine_add_rays(const wh_engine *engine, const wh_host *host);

/* What rows of lattices need besides, once after the build. False when memory is short or the cook was cancelled. */
bool wh__engine_add_layers(const wh_host *host, wh_engine *engine);

#define WH_ON_SURFACE 4.0f /* an error: the point is on the surface, or too close to it to tell */

/* value: within error, which is accuracy or less but beside triangles that are summed; error may be NULL. accuracy:
 * 1e-5 .. 1e-1. host: NULL for few points, which are taken one by one. False when memory is short or the cook was
 * cancelled. [any thread; runs in parallel] */
bool wh__engine_many(const wh_engine *engine, const wh_host *host, uint32_t count, const float *x, const float *y,
                     const float *z, float accuracy, float *value, float *error);

/* The same for one point of a closed mesh: no more than a ray. False: not such a mesh, or on the surface. */
bool wh__engine_one(const wh_engine *engine, const float point[3], float *value);

#define WH_VALUES 1e-3f /* accuracy of numbers that are wanted */
#define WH_SIDES 4e-3f  /* of those that only tell the side: in a soup twice as fast, and few more are open then */

/* value: within accuracy; inside: whether the winding number is at_least that, which is decided as brute force in
 * double decides it (wh__tree_sum), whatever the way and its error. whole: NULL, or the winding number of the surface
 * around each point, WH_NOT_PROVEN where it is not known, so that no rays are needed. The mesh is that of the engine.
 * False when memory is short or the cook was cancelled. [any thread; runs in parallel] */
bool wh__engine_inside(const wh_engine *engine, const wh_host *host, const wh_geometry *mesh, float at_least,
                       float accuracy, uint32_t count, const float *x, const float *y, const float *z, int32_t *whole,
                       float *value, uint8_t *inside);

/* Values at the mean of eight places around each of the points, for those of error WH_ON_SURFACE. */
bool wh__engine_beside(const wh_engine *engine, const wh_host *host, uint32_t count, const float *x, const float *y,
                       const float *z, float accuracy, float *value, float *error);
#endif
