/* winding.c - how often the mesh wraps around a point: 1 inside, 0 outside, fractions near holes. See engine.h. */
#include "engine.h"
#include <stdatomic.h>

/* clang-format off */
WH_PARAMS(field_winding,
    float accuracy WH_UI(1e-3, min = 1e-5, max = 0.1,
                         doc = "Largest error of the winding number, near holes and in open soups; closed meshes have none");
    bool  exact    WH_UI(false, doc = "Error below 1e-6 everywhere, at the speed of that");
)
/* clang-format on */

#define CHUNK 262144 /* points that are taken together: enough for the fast way, and little memory */
#define PART 4096
#define FEW 256 /* points whose answers cost less than memory and parts for them would */

static void *field_winding_prepare(const wh_host *host, const wh_geometry *mesh, const void *params)
{
    const field_winding *p = params;
    wh_engine *e = p->exact ? wh__engine_build_exact(host, mesh) : wh__engine_build(host, mesh);
    if (!e || p->exact || wh__engine_add_rays(e, host))
        return e;
    wh__engine_free(host, e);
    host->fail(host, "winding: memory is short (use a coarser mesh)");
    return NULL;
}

static void field_winding_release(const wh_host *host, void *state)
{
    wh__engine_free(host, state);
}

/* ---- one block */

static void run_exact(const wh_block *b)
{
    double winding[WH_BLOCK];
    uint64_t scratch[2 * WH_BLOCK];
    wh__tree_winding_batch(wh__engine_tree(b->state), b->count, b->x, b->y, b->z, winding, scratch);
    for (uint32_t i = 0; i < b->count; i++)
        b->value[i] = (float)winding[i];
}

static void field_winding_run(const wh_block *b)
{
    const field_winding *p = b->params;
    float error[WH_BLOCK];
    if (p->exact) {
        run_exact(b);
        return;
    }
    wh__engine_many(b->state, NULL, b->count, b->x, b->y, b->z, p->accuracy, b->value, error);
    wh__engine_beside(b->state, NULL, b->count, b->x, b->y, b->z, p->accuracy, b->value, error);
}

/* ---- many points at once */

typedef struct {
    const wh_field_job *job;
    size_t first;
    uint32_t count;
    float *x, *y, *z, *error;
    atomic_bool failed;
} chunk;

static void unpack_part(void *context, uint32_t part)
{
    const chunk *c = context;
    const uint32_t first = part * PART, end = c->count - first < PART ? c->count : first + PART;
    const float *from = c->job->position + 3 * c->first;
    for (size_t i = first; i < end; i++)
        c->x[i] = from[3 * i], c->y[i] = from[3 * i + 1], c->z[i] = from[3 * i + 2];
}

static void exact_part(void *context, uint32_t part)
{
    chunk *c = context;
    const wh_host *host = c->job->host;
    const uint32_t first = part * PART, count = c->count - first < PART ? c->count - first : PART;
    double *winding = host->alloc(host, PART * (sizeof *winding + 2 * sizeof(uint64_t)));
    if (!winding) {
        c->failed = true;
        return;
    }
    wh__tree_winding_batch(wh__engine_tree(c->job->state), count, c->x + first, c->y + first, c->z + first, winding,
                           (uint64_t *)(winding + PART));
    for (uint32_t i = 0; i < count; i++)
        c->job->value[c->first + first + i] = (float)winding[i];
    host->free(host, winding);
}

static void beside_part(void *context, uint32_t part)
{
    chunk *c = context;
    const field_winding *p = c->job->params;
    const uint32_t first = part * PART, count = c->count - first < PART ? c->count - first : PART;
    if (!wh__engine_beside(c->job->state, c->job->host, count, c->x + first, c->y + first, c->z + first, p->accuracy,
                           c->job->value + c->first + first, c->error + first))
        c->failed = true;
}

static bool take_chunk(chunk *c)
{
    const wh_field_job *j = c->job;
    const wh_host *host = j->host;
    const field_winding *p = j->params;
    const uint32_t parts = c->count / PART + (c->count % PART > 0);
    float *value = j->value + c->first;
    if (!host->parallel_for(host, parts, unpack_part, c))
        return true; /* cancelled: nobody uses the result */
    if (p->exact)
        return !host->parallel_for(host, parts, exact_part, c) || !c->failed;
    return wh__engine_many(j->state, host, c->count, c->x, c->y, c->z, p->accuracy, value, c->error) &&
           (!host->parallel_for(host, parts, beside_part, c) || !c->failed);
}

static void take_few(const wh_field_job *j)
{
    float x[FEW], y[FEW], z[FEW];
    for (size_t i = 0; i < j->count; i++)
        x[i] = j->position[3 * i], y[i] = j->position[3 * i + 1], z[i] = j->position[3 * i + 2];
    const wh_block b = {.size = sizeof b,
                        .count = j->count,
                        .x = x,
                        .y = y,
                        .z = z,
                        .value = j->value,
                        .params = j->params,
                        .state = j->state,
                        .time = j->time};
    field_winding_run(&b);
}

static void field_winding_field(const wh_field_job *j)
{
    if (j->count == 1 && wh__engine_one(j->state, j->position, j->value))
        return;
    if (j->count <= FEW) {
        take_few(j);
        return;
    }
    const uint32_t room = j->count < CHUNK ? j->count : CHUNK;
    chunk c = {.job = j, .x = j->host->alloc(j->host, 4 * (size_t)room * sizeof *c.x)};
    bool ok = c.x;
    if (ok)
        c.y = c.x + room, c.z = c.y + room, c.error = c.z + room;
    for (; ok && c.first < j->count; c.first += c.count) {
        c.count = j->count - c.first < room ? (uint32_t)(j->count - c.first) : room;
        ok = take_chunk(&c);
    }
    if (!ok)
        j->host->fail(j->host, "memory is short (ask for fewer points)");
    j->host->free(j->host, c.x);
}

WH_KERNEL(field_winding, .needs = WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS,
          .doc = "Winding number of the mesh around a point: 1 inside, 0 outside, fractions near holes",
          .source = "Jacobson, Kavan, Sorkine-Hornung 2013; Barill et al. 2018; van Oosterom, Strackee 1983",
          .prepare = field_winding_prepare, .release = field_winding_release, .run = field_winding_run,
          .field = field_winding_field, .state = WH_STATE_TEXT(wh_engine), .state_size = sizeof(wh_engine));
