/* cook.h - one evaluation: the pinned plan, the values of this moment, what its kernels prepared. */
#ifndef WH_COOK_H
#define WH_COOK_H
#include "session.h"

typedef struct { /* a mesh as kernels see it, with fingerprints made when somebody asks */
    wh_geometry geometry;
    uint64_t topology; /* fingerprint; 0: not made yet */
    uint64_t host_topology;
    uint64_t positions; /* fingerprint; 0: not made yet */
} wh__shape;

typedef struct { /* what a call of a kernel needs in this cook */
    bool done;
    wh__state *held;
    const void *state;
    const wh_attribute *attribute[WH_MOST_ATTRIBUTES];
} wh__ready;

typedef struct {
    wh_session *session;
    wh__pinned pin;
    wh__plan *plan;
    double time;
    unsigned char *value; /* the plan's, with this moment's settings and functions of time */
    wh__ready *ready;     /* one a call */
    const wh_view *view;
    float *packed;   /* positions, when the view's are not packed */
    wh__shape shape; /* the mesh as the host gave it */
    atomic_int status;
    pthread_mutex_t lock; /* of reason */
    char reason[1200];
    uint64_t announced; /* work that the session was told of */
    atomic_ullong done; /* of it */
} wh__cook;

typedef struct { /* the host services, with what they act on behind them */
    wh_host host;
    wh__cook *cook;
    const wh__call *call;
} wh__service;

/* Pins the plan and brings its values to this moment. On failure there is nothing to end. */
wh_status wh__cook_begin(wh__cook *c, const wh_session *s, const wh_view *view, double seconds);
/* Unpins; returns how it went, and sets the last error. */
wh_status wh__cook_end(wh__cook *c);
void wh__cook_fail(wh__cook *c, wh_status status, const char *at, const char *kernel, const char *reason);
bool wh__cook_stopped(wh__cook *c); /* failed or cancelled */

wh__service wh__service_for(wh__cook *c, const wh__call *call);
const void *wh__params(const wh__cook *c, const wh__call *call);
const wh_common *wh__common(const wh__cook *c, const wh__call *call);

wh_status wh__check_view(const wh_view *v);
/* Makes the shape of the view: checked, packed. */
bool wh__cook_shape(wh__cook *c);
/* Prepares the kernel of a call for a shape, and finds its attributes. at_points: the queries are points of the mesh.
 */
bool wh__cook_ready(wh__cook *c, uint32_t call, wh__shape *shape, bool at_points);
bool wh__cook_ready_ops(wh__cook *c, uint32_t first, uint32_t count, bool at_points); /* for c->shape */

/* For wh_progress: how much there is to do, in units of the cook's own, and that so much of it is done. */
void wh__cook_announce(wh__cook *c, uint64_t units);
void wh__cook_advance(wh__cook *c, uint64_t units); /* any thread */
/* Runs work(context, i) for i below count on the pool until the cook stops; each advances by weight. */
bool wh__cook_parallel(wh__cook *c, uint32_t count, uint64_t weight, const char *kernel,
                       void (*work)(void *context, uint32_t i), void *context);

typedef struct { /* one block's arrays; big, but on the stack: a cook allocates nothing a block */
    _Alignas(64) float x[WH_BLOCK], y[WH_BLOCK], z[WH_BLOCK];
    _Alignas(64) float nx[WH_BLOCK], ny[WH_BLOCK], nz[WH_BLOCK];
    _Alignas(64) float ox[WH_BLOCK], oy[WH_BLOCK], oz[WH_BLOCK];
    _Alignas(64) float weight[WH_MOST_DEPTH][WH_BLOCK];
    _Alignas(64) float attribute[WH_MOST_ATTRIBUTES][WH_BLOCK];
    uint64_t first;
    uint32_t count;
    bool has_normals;
} wh__arrays;

/* The value of an expression for each point of the arrays; the result stands in a->weight[0]. */
void wh__eval_ops(wh__cook *c, uint32_t first, uint32_t count, wh__arrays *a);
void wh__run_block(wh__cook *c, uint32_t call, wh__arrays *a, float *value);

bool wh__points_overlap(const void *a, size_t a_size, const void *b, size_t b_size);
void wh__vertex_normals(const wh_geometry *g, float *normal); /* xyz each; 0 where no triangle is */
#endif
