/* deform.c - run a chain of deformers: every block of points goes through as many stages as it can in one visit, so
 * that points are read and written once for the whole chain. A stage that needs the whole mesh, or normals, begins
 * anew. */
#include "cook.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS 8 /* blocks in one piece of work for a thread */
#define CHUNK_POINTS ((uint64_t)CHUNK_BLOCKS * WH_BLOCK)
#define TIMED_BLOCKS 32 /* one block in so many is timed, and stands for the others */

typedef struct {
    wh__cook *cook;
    const char *from; /* where points come from, and the bytes between them */
    size_t stride;
    float *out;
    const float *moved;   /* result of a whole-mesh stage, to be blended in; else NULL */
    const float *normal;  /* or NULL */
    uint32_t first, last; /* stages of the cook */
    uint32_t point_count;
} pass;

static bool needs_normals(const wh__plan *p, const wh__call *s)
{
    uint32_t needs = s->kernel->desc.needs;
    for (uint32_t i = s->mask_first; i < s->mask_first + s->mask_count; i++)
        if (p->op[i].kind == WH_OP_FIELD)
            needs |= p->call[p->op[i].call]->kernel->desc.needs;
    return needs & WH_NEEDS_NORMALS;
}

/* ---- one block ---- */

/* From xyz, packed, to arrays and back: loops of their own, so that compilers make them of vectors and shuffles. */
static void unpack(const float *restrict from, uint32_t count, float *restrict x, float *restrict y, float *restrict z)
{
    for (size_t i = 0; i < count; i++)
        x[i] = from[i * 3], y[i] = from[i * 3 + 1], z[i] = from[i * 3 + 2];
}

static void pack(float *restrict to, uint32_t count, const float *restrict x, const float *restrict y,
                 const float *restrict z)
{
    for (size_t i = 0; i < count; i++)
        to[i * 3] = x[i], to[i * 3 + 1] = y[i], to[i * 3 + 2] = z[i];
}

/* The same from where points are not packed, or not aligned. */
static void gather(const char *from, size_t stride, uint32_t count, float *x, float *y, float *z)
{
    if (stride == 12 && (uintptr_t)from % _Alignof(float) == 0) {
        unpack((const float *)(const void *)from, count, x, y, z);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        float v[3];
        memcpy(v, from + i * stride, sizeof v);
        x[i] = v[0], y[i] = v[1], z[i] = v[2];
    }
}

static void load(const pass *p, wh__arrays *a)
{
    gather(p->from + a->first * p->stride, p->stride, a->count, a->x, a->y, a->z);
    a->has_normals = p->normal;
    if (p->normal)
        unpack(p->normal + a->first * 3, a->count, a->nx, a->ny, a->nz);
}

/* Exact at 0 and at 1; the weights of a host may lie outside. */
static void weigh(const float *restrict weight, const float *restrict old, float *restrict now, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const float w = weight[i];
        const float mixed = (1 - w) * old[i] + w * now[i];
        const float most = w == 1 ? now[i] : mixed;
        now[i] = w < 0 || w > 0 ? most : old[i];
    }
}

/* What the whole chain did, by the weights of the view. */
static void weigh_all(const wh_view *v, wh__arrays *a)
{
    const size_t stride = v->stride ? v->stride : 12;
    gather((const char *)v->position + a->first * stride, stride, a->count, a->ox, a->oy, a->oz);
    weigh(v->weight + a->first, a->ox, a->x, a->count);
    weigh(v->weight + a->first, a->oy, a->y, a->count);
    weigh(v->weight + a->first, a->oz, a->z, a->count);
}

static void store(const pass *p, wh__arrays *a)
{
    const wh__cook *c = p->cook;
    if (c->view->weight && p->last == c->stage_count)
        weigh_all(c->view, a);
    pack(p->out + a->first * 3, a->count, a->x, a->y, a->z);
}

/* Exact at both ends: weight 0 keeps the point, weight 1 takes the deformed one. NaN counts as 0. */
static void blend(const float *restrict weight, const float *restrict old, float *restrict now, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const float w = weight[i];
        const float mixed = (1 - w) * old[i] + w * now[i];
        now[i] = w > 0 ? mixed : old[i];
    }
}

static void make_weights(const pass *p, const wh__stage *s, wh__arrays *a)
{
    const wh__call *call = s->runner.call;
    const float envelope = s->envelope;
    float *w = a->weight[0];
    if (call->mask_count)
        wh__eval_ops(p->cook, call->mask_first, call->mask_count, a);
    else
        for (uint32_t i = 0; i < a->count; i++)
            w[i] = 1;
    for (uint32_t i = 0; i < a->count; i++) {
        const float low = w[i] > 0 ? w[i] : 0;
        w[i] = (low < 1 ? low : 1) * envelope;
    }
}

static void move_points(const pass *p, const wh__stage *s, wh__arrays *a)
{
    if (p->moved)
        unpack(p->moved + a->first * 3, a->count, a->x, a->y, a->z);
    else
        wh__run_block(p->cook, &s->runner, a, NULL);
}

static void run_blended(const pass *p, const wh__stage *s, wh__arrays *a)
{
    const size_t bytes = a->count * sizeof(float);
    make_weights(p, s, a);
    memcpy(a->ox, a->x, bytes), memcpy(a->oy, a->y, bytes), memcpy(a->oz, a->z, bytes);
    move_points(p, s, a);
    blend(a->weight[0], a->ox, a->x, a->count);
    blend(a->weight[0], a->oy, a->y, a->count);
    blend(a->weight[0], a->oz, a->z, a->count);
}

static void run_stage(const pass *p, const wh__stage *s, wh__arrays *a)
{
    if (s->blended)
        run_blended(p, s, a);
    else
        move_points(p, s, a);
}

static void run_stages_timed(const pass *p, wh__arrays *a)
{
    double before = wh__now();
    for (uint32_t i = p->first; i < p->last; i++) {
        const wh__stage *s = &p->cook->stage[i];
        run_stage(p, s, a);
        const double after = wh__now();
        atomic_fetch_add_explicit(&p->cook->nanoseconds[s->call], (unsigned long long)((after - before) * 1e9),
                                  memory_order_relaxed);
        before = after;
    }
}

static void run_stages(const pass *p, wh__arrays *a)
{
    const wh__stage *const end = p->cook->stage + p->last;
    for (const wh__stage *s = p->cook->stage + p->first; s < end; s++)
        if (s->blended || p->moved)
            run_stage(p, s, a);
        else
            wh__run_block(p->cook, &s->runner, a, NULL);
}

static void run_chunk(void *context, uint32_t index)
{
    const pass *p = context;
    wh__arrays *a = wh__cook_arrays(p->cook);
    const uint64_t start = index * CHUNK_POINTS;
    const uint64_t end = start + CHUNK_POINTS < p->point_count ? start + CHUNK_POINTS : p->point_count;
    if (!a)
        return;
    for (a->first = start; a->first < end; a->first += a->count) {
        a->count = (uint32_t)(end - a->first < WH_BLOCK ? end - a->first : WH_BLOCK);
        wh__begin_block(p->cook, a);
        load(p, a);
        if (p->cook->timed && a->first / WH_BLOCK % TIMED_BLOCKS == 0)
            run_stages_timed(p, a);
        else
            run_stages(p, a);
        if (wh__cook_stopped(p->cook))
            return;
        store(p, a);
    }
}

/* ---- passes ---- */

static uint32_t chunk_count(const pass *p)
{
    return (uint32_t)((p->point_count + CHUNK_POINTS - 1) / CHUNK_POINTS);
}

static bool run_pass(pass *p)
{
    const bool ok = wh__cook_parallel(p->cook, chunk_count(p), p->last - p->first,
                                      p->cook->stage[p->first].runner.call->kernel->id, run_chunk, p);
    p->from = (const char *)p->out; /* later passes read what this one wrote */
    p->stride = 12;
    return ok;
}

static bool out_of_memory(wh__cook *c)
{
    wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
    return false;
}

/* The mesh with the points as they are now. */
static wh__shape shape_now(const pass *p)
{
    wh__shape s = p->cook->shape;
    if (p->from == (const char *)p->out) {
        s.geometry.position = p->out;
        s.positions = 0;
        s.host_moves = 0;
    }
    return s;
}

static bool add_normals(pass *p, float **normal)
{
    *normal = malloc((size_t)p->point_count * 12 + 1);
    if (!*normal)
        return out_of_memory(p->cook);
    const wh__shape now = shape_now(p);
    wh__vertex_normals(&now.geometry, *normal);
    p->normal = *normal;
    return true;
}

typedef struct {
    void (*deform)(const wh_deform_job *j);
    wh_deform_job job;
} whole_run;

static void call_whole(void *context)
{
    const whole_run *r = context;
    r->deform(&r->job);
}

static bool run_whole(pass *p)
{
    wh__cook *c = p->cook;
    const uint32_t call = c->stage[p->first].call;
    const wh__call *s = c->plan->call[call];
    wh__shape now = shape_now(p);
    if (!wh__cook_ready(c, call, &now, true))
        return false;
    float *moved = malloc((size_t)p->point_count * 12 + 1);
    if (!moved)
        return out_of_memory(c);
    const wh__service service = wh__service_for(c, s);
    const double before = wh__now();
    atomic_store(&c->session->at_work, s->kernel->id);
    whole_run run = {.deform = s->kernel->desc.deform,
                     .job = {.size = sizeof run.job,
                             .host = &service.host,
                             .mesh = &now.geometry,
                             .position = moved,
                             .params = wh__params(c, s),
                             .state = c->ready[call].state,
                             .time = c->time}};
    wh__cook_call(c, s, call_whole, &run);
    p->cook->nanoseconds[call] += (unsigned long long)((wh__now() - before) * 1e9 / TIMED_BLOCKS);
    p->moved = moved;
    const bool ok = !wh__cook_stopped(c) && run_pass(p);
    p->moved = NULL;
    free(moved);
    return ok;
}

/* Whether a stage cannot join those before it in one visit of each block. */
static bool begins_pass(const wh__cook *c, const wh__stage *s)
{
    return s->runner.call->kernel->desc.deform || needs_normals(c->plan, s->runner.call);
}

static bool run_segment(pass *p)
{
    wh__cook *c = p->cook;
    const wh__call *head = c->stage[p->first].runner.call;
    float *normal = NULL;
    const bool ok = (!needs_normals(c->plan, head) || add_normals(p, &normal)) &&
                    (head->kernel->desc.deform ? run_whole(p) : run_pass(p));
    free(normal);
    p->normal = NULL;
    return ok;
}

static bool ready_stage(wh__cook *c, const wh__stage *stage)
{
    const wh__call *s = stage->runner.call;
    const bool whole = s->kernel->desc.deform || needs_normals(c->plan, s);
    if (whole && !wh__cook_shape(c))
        return false;
    /* A whole-mesh stage prepares for the points as they reach it. */
    return (s->kernel->desc.deform || wh__cook_ready(c, stage->call, &c->shape, true)) &&
           wh__cook_ready_ops(c, s->mask_first, s->mask_count, true);
}

static void add_stage(wh__cook *c, uint32_t index, wh__call *s)
{
    const wh_common *m = wh__common(c, s);
    const bool enabled = m->enabled && m->envelope != 0;
    atomic_store_explicit(&s->enabled, enabled, memory_order_relaxed);
    if (!enabled)
        return;
    wh__stage *stage = &c->stage[c->stage_count++];
    wh__runner_make(c, index, &stage->runner);
    stage->call = index;
    stage->envelope = m->envelope;
    stage->blended = s->mask_count || m->envelope != 1;
}

static void list_stages(wh__cook *c)
{
    for (uint32_t i = 0; i < c->plan->call_count; i++)
        if (c->plan->call[i]->role == WH_ROLE_STAGE)
            add_stage(c, i, c->plan->call[i]);
}

static void report_times(const wh__cook *c)
{
    for (uint32_t i = 0; i < c->plan->call_count; i++)
        if (c->plan->call[i]->role == WH_ROLE_STAGE)
            atomic_store_explicit(&c->plan->call[i]->milliseconds, (double)c->nanoseconds[i] * 1e-6 * TIMED_BLOCKS,
                                  memory_order_relaxed);
}

static bool run_plan(pass *p)
{
    wh__cook *c = p->cook;
    const uint32_t count = c->stage_count;
    if (c->plan->simple && count && p->point_count <= CHUNK_POINTS) { /* one piece of work, and nothing to get ready */
        p->last = count;
        return run_pass(p);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!ready_stage(c, &c->stage[i]))
            return false;
    if (chunk_count(p) > 1)
        wh__cook_announce(c, (uint64_t)chunk_count(p) * count);
    for (p->first = 0; p->first < count; p->first = p->last) {
        p->last = p->first + 1;
        while (p->last < count && !c->stage[p->first].runner.call->kernel->desc.deform &&
               !begins_pass(c, &c->stage[p->last]))
            p->last++;
        if (!run_segment(p))
            return false;
    }
    return true;
}

static void copy_through(const pass *p)
{
    for (size_t i = 0; i < p->point_count; i++)
        memcpy(p->out + i * 3, p->from + i * p->stride, 12);
}

void wh__deform_plan(wh__cook *c, void *out)
{
    pass p = {.cook = c,
              .from = (const char *)c->view->position,
              .stride = c->view->stride ? c->view->stride : 12,
              .out = out,
              .point_count = c->view->point_count};
    list_stages(c);
    if (run_plan(&p) && p.from != (const char *)out)
        copy_through(&p);
    if (c->timed)
        report_times(c);
}

wh_status wh_deform(const wh_session *s, const wh_view *in, double seconds, float *out)
{
    if (!s || !in || (in->size == sizeof *in && in->point_count && !out))
        return wh__fail(WH_ERR_ARGUMENT, "wh_deform needs a session, a mesh and room for the result");
    if (wh__check_view(in) != WH_OK)
        return WH_ERR_ARGUMENT;
    const size_t stride = in->stride ? in->stride : 12, bytes = (size_t)in->point_count * 12;
    if (wh__points_overlap(in->position, in->point_count ? (in->point_count - 1) * stride + 12 : 0, out, bytes))
        return wh__fail(WH_ERR_ARGUMENT,
                        "the result must not overlap the mesh (a faulted cook must be able to run again)");
    return wh__cook_run(s, in, seconds, &(wh__work){.all = wh__deform_plan, .context = out});
}
