/* cook.h - one evaluation: the pinned plan, the values of this moment, what its kernels prepared. */
#ifndef WH_COOK_H
#define WH_COOK_H
#include "again.h"
#include "session.h"

typedef struct { /* a mesh as kernels see it, with fingerprints made when somebody asks */
    wh_geometry geometry;
    uint64_t topology; /* fingerprint; 0: not made yet */
    uint64_t host_topology, host_moves;
    uint64_t positions; /* fingerprint; 0: not made yet */
    bool checked;       /* its indices */
} wh__shape;

typedef struct { /* what a call of a kernel needs in this cook */
    bool done;
    wh__state *held;
    const void *state;
    const wh_attribute *attribute[WH_MOST_ATTRIBUTES];
} wh__ready;

typedef struct { /* a call's kernel, with all that its blocks need at hand */
    wh__call *call;
    void (*run)(const wh_block *b);
    bool plain;           /* it gets neither normals nor attributes */
    uintptr_t begin, end; /* its code */
    const void *params;
    const wh__ready *ready;
} wh__runner;

typedef struct { /* a stage that is enabled */
    wh__runner runner;
    uint32_t call;
    float envelope;
    bool blended; /* by its mask or envelope, with the points as they were */
} wh__stage;

typedef struct {
    wh_session *session;
    wh__thread *thread;     /* the one that cooks; its memory holds what follows room, when it fits */
    const wh__scene *scene; /* NULL: the plan was given, and nothing is pinned */
    wh__plan *plan;
    const wh__settings *settings;
    unsigned long long cancels;
    double time;
    void *room;           /* malloc'ed, when the thread's memory is too small */
    unsigned char *value; /* the plan's, with this moment's settings and functions of time */
    wh__ready *ready;     /* one a call */
    bool holds;           /* a state, in one of them */
    wh__stage *stage;     /* stage_count of them, in order; room for one a call */
    uint32_t stage_count;
    atomic_ullong *nanoseconds; /* one a call */
    bool timed;                 /* of small cooks only some are: looking at the clock would take longer than they do */
    const wh_view *view;
    float *packed;   /* positions, when the view's are not packed */
    wh__shape shape; /* the mesh as the host gave it */
    atomic_int status;
    pthread_mutex_t lock; /* of reason and crash */
    char *reason;
    const wh__call *crashed; /* the call whose kernel crashed first */
    wh__fault fault;         /* how */
    uint64_t announced;      /* work that the session was told of */
    atomic_ullong done;      /* of it */
} wh__cook;

typedef struct { /* the host services, with what they act on behind them */
    wh_host host;
    wh__cook *cook;
    const wh__call *call;
} wh__service;

typedef struct {
    void (*all)(wh__cook *c, void *context);
    bool (*again)(wh__cook *c, void *context); /* NULL, or tried first, without values and what is ready; true: done */
    void *context;
} wh__work;

/* Pins the plan, brings its values to this moment, does the work, and ends the cook; again when a kernel crashed that
 * an older generation can replace. view may be NULL. Returns how it went, and sets the last error. */
wh_status wh__cook_run(const wh_session *s, const wh_view *view, double seconds, const wh__work *work);
/* The same once, on a plan of the caller's in place of the published one. */
wh_status wh__cook_plan(wh_session *s, wh__plan *plan, const wh_view *view, double seconds,
                        void (*work)(wh__cook *c, void *context), void *context);
/* Calls into the kernel of a call, under guard. false: it crashed, and the cook has failed. */
bool wh__cook_call(wh__cook *c, const wh__call *call, void (*function)(void *context), void *context);
void wh__cook_fail(wh__cook *c, wh_status status, const char *at, const char *kernel, const char *reason);
static inline bool wh__cook_stopped(const wh__cook *c) /* failed or cancelled */
{
    return atomic_load_explicit(&c->status, memory_order_relaxed) != WH_OK ||
           atomic_load_explicit(&c->session->cancels, memory_order_relaxed) != c->cancels;
}

wh__service wh__service_for(wh__cook *c, const wh__call *call);

static inline const void *wh__params(const wh__cook *c, const wh__call *call)
{
    return c->value + call->params;
}

static inline const wh_common *wh__common(const wh__cook *c, const wh__call *call)
{
    return (const wh_common *)(const void *)(c->value + call->common);
}

wh_status wh__check_view(const wh_view *v);
/* Makes the shape of the view, packed; outline: unchecked, for whoever does not read its triangles. */
bool wh__cook_outline(wh__cook *c);
bool wh__cook_shape(wh__cook *c);
/* Prepares the kernel of a call for a shape, and finds its attributes. at_points: the queries are points of the mesh.
 */
bool wh__cook_ready(wh__cook *c, uint32_t call, wh__shape *shape, bool at_points);
bool wh__cook_ready_ops(wh__cook *c, uint32_t first, uint32_t count, bool at_points); /* for c->shape */

/* Remembers the field that was asked for, if nothing but the scene and the view decides what its call needs. */
void wh__again_keep(wh__cook *c, const wh__named_field *f, const wh__call *call, wh__state *held);
/* What is remembered of the field of that name, for this cook's scene and view; its state is borrowed, if it has one.
 * NULL: nothing that holds still. */
const wh__again *wh__again_begin(wh__cook *c, const char *name);

/* For wh_progress: how much there is to do, in units of the cook's own, and that so much of it is done. */
void wh__cook_announce(wh__cook *c, uint64_t units);
void wh__cook_advance(wh__cook *c, uint64_t units); /* any thread */
/* Runs work(context, i) for i below count on the pool until the cook stops; each advances by weight. */
bool wh__cook_parallel(wh__cook *c, uint32_t count, uint64_t weight, const char *kernel,
                       void (*work)(void *context, uint32_t i), void *context);

/* The value of an expression for each point of the arrays; the result stands in a->weight[0]. */
void wh__eval_ops(wh__cook *c, uint32_t first, uint32_t count, wh__arrays *a);
void wh__run_otherwise(wh__cook *c, const wh__runner *r, wh__arrays *a); /* for wh__run_block alone */
wh__arrays *wh__cook_no_arrays(wh__cook *c);                             /* for wh__cook_arrays alone */

/* Room for a block on this thread; NULL: memory is short, and the cook has failed. */
static inline wh__arrays *wh__cook_arrays(wh__cook *c)
{
    wh__thread *t = wh__thread_self();
    return t ? t->arrays : wh__cook_no_arrays(c);
}

static inline void wh__runner_make(const wh__cook *c, uint32_t index, wh__runner *out)
{
    wh__call *call = c->plan->call[index];
    const wh__kernel *k = call->kernel;
    out->call = call;
    out->run = k->desc.run;
    out->begin = k->module->begin;
    out->end = k->module->end;
    out->params = wh__params(c, call);
    out->ready = &c->ready[index];
    out->plain = !(k->desc.needs & WH_NEEDS_NORMALS) && call->attribute_count == 0;
}

/* Once a->first and a->count are set. */
static inline void wh__begin_block(const wh__cook *c, wh__arrays *a)
{
    wh_block *b = &a->block;       /* member by member: the others are set for each kernel */
    a->thread = wh__thread_self(); /* anew: a kernel that ran off its arrays may have spoiled it */
    b->size = sizeof *b;
    b->count = a->count;
    b->first = a->first;
    b->x = a->x;
    b->y = a->y;
    b->z = a->z;
    b->nx = b->ny = b->nz = NULL;
    b->attribute = NULL;
    b->time = c->time;
}

/* In a guarded region. */
static inline void wh__run_open(const wh__runner *r, wh__arrays *a)
{
    wh__thread *t = a->thread;
    t->calling = r->call;
    wh__guard_open(t, r->begin, r->end);
    r->run(&a->block);
    wh__guard_close(t);
}

/* Runs a kernel on the block that was begun. */
static inline void wh__run_block(wh__cook *c, const wh__runner *r, wh__arrays *a, float *value)
{
    wh_block *b = &a->block;
    b->value = value;
    b->params = r->params;
    b->state = r->ready->state;
    if (r->plain && a->thread->region > 0)
        wh__run_open(r, a);
    else
        wh__run_otherwise(c, r, a);
}

void wh__deform_plan(wh__cook *c, void *out); /* runs the deformers; out: xyz for each point */
typedef struct {
    const char *name; /* of the sampler; NULL: the first */
    wh_points *out;
} wh__sample_request;
void wh__sample_plan(wh__cook *c, void *request);

static inline bool wh__points_overlap(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return a_size && b_size && x < y + b_size && y < x + a_size;
}

void wh__vertex_normals(const wh_geometry *g, float *normal); /* xyz each; 0 where no triangle is */
#endif
