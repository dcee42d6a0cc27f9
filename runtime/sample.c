/* sample.c - samplers, fields at query points, and meshes that a pipeline makes. */
#include "follow.h"
#include "hash.h"
#include "mesh.h"
#include <stdlib.h>
#include <string.h>

#define MOST_BLOCK (1u << 20)
#define BLOCKS_ROOM 16 /* memory for at least so many */
#define BLOCKS_AHEAD 4 /* blocks for each thread that are worked on before their points are joined in order */

/* ---- samplers ---- */

typedef struct { /* one block of candidates and what was kept of it */
    float *x, *y, *z, *value;
    uint64_t *id;
    uint32_t kept;
    uint32_t at, joined; /* place of the first in the result, and how many have one there */
    uint32_t *triangle;  /* where it is bound to the surface, else NULL */
    float **column;
} batch;

typedef struct {
    wh__cook *cook;
    const wh__call *call;
    const void *state;
    wh__service service;
    wh_sample_plan plan;
    batch *batch;
    uint32_t batch_count;
    uint64_t *memory; /* of all batches */
    uint64_t next;    /* first candidate that has not been tried */
    wh_points found;
    uint64_t room;
    bool bound; /* each point to the surface */
    wh__surface surface;
    wh_view rest; /* what is sampled when the mesh has moved since */
} sampling;

static const wh_geometry *given_mesh(const sampling *s)
{
    return &s->cook->shape.geometry;
}

typedef struct {
    uint32_t (*sample)(const wh_sample_block *b);
    wh_sample_block block;
    uint32_t kept;
} block_run;

static void call_sample(void *context)
{
    block_run *r = context;
    r->kept = r->sample(&r->block);
}

/* A number in 0 .. 1, 1 excluded, that depends on nothing but the id. */
static double lot_of(uint64_t id)
{
    return (double)(wh__hash(&id, sizeof id, 7) >> 11) * 0x1p-53;
}

/* Keeps the points of 'from ..' whose lot is below the density there. */
static uint32_t thin_part(const sampling *s, batch *b, uint32_t from, uint32_t count, uint32_t to)
{
    wh__arrays *a = wh__cook_arrays(s->cook);
    if (!a)
        return to;
    a->first = from;
    a->has_normals = false;
    a->count = count;
    wh__begin_block(s->cook, a);
    memcpy(a->x, b->x + from, count * sizeof *b->x);
    memcpy(a->y, b->y + from, count * sizeof *b->y);
    memcpy(a->z, b->z + from, count * sizeof *b->z);
    wh__eval_ops(s->cook, s->call->mask_first, s->call->mask_count, a);
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t i = from + k;
        if (!(lot_of(b->id[i]) < (double)a->weight[0][k]))
            continue;
        b->x[to] = b->x[i], b->y[to] = b->y[i], b->z[to] = b->z[i];
        b->value[to] = b->value[i];
        b->id[to++] = b->id[i];
    }
    return to;
}

static void thin(const sampling *s, batch *b)
{
    uint32_t to = 0;
    for (uint32_t from = 0; from < b->kept; from += WH_BLOCK)
        to = thin_part(s, b, from, b->kept - from < WH_BLOCK ? b->kept - from : WH_BLOCK, to);
    b->kept = to;
}

static void sample_block(void *context, uint32_t i)
{
    sampling *s = context;
    batch *b = &s->batch[i];
    const uint64_t first = s->next + (uint64_t)i * s->plan.block;
    const uint64_t left = first < s->plan.candidates ? s->plan.candidates - first : 0;
    block_run run = {.sample = s->call->kernel->desc.sample};
    run.block = (wh_sample_block){.size = sizeof run.block,
                                  .count = (uint32_t)(left < s->plan.block ? left : s->plan.block),
                                  .first = first,
                                  .x = b->x,
                                  .y = b->y,
                                  .z = b->z,
                                  .value = b->value,
                                  .id = b->id,
                                  .host = &s->service.host,
                                  .mesh = given_mesh(s),
                                  .params = wh__params(s->cook, s->call),
                                  .state = s->state,
                                  .time = s->cook->time,
                                  .plan = &s->plan};
    if (run.block.count)
        wh__cook_call(s->cook, s->call, call_sample, &run);
    b->kept = run.kept < run.block.count ? run.kept : run.block.count;
    if (s->call->mask_count && !wh__cook_stopped(s->cook))
        thin(s, b);
    if (s->bound && !wh__cook_stopped(s->cook))
        wh__bind_points(&s->surface, b->kept, b->x, b->y, b->z, b->triangle, b->column);
}

static bool fail_memory(sampling *s)
{
    char text[128];
    snprintf(text, sizeof text, "out of memory at %u points (ask for fewer)", s->found.count);
    wh__cook_fail(s->cook, WH_ERR_MEMORY, s->call->at, s->call->kernel->id, text);
    return false;
}

static bool grow_array(void *array, uint64_t room, size_t item)
{
    void **to = array;
    void *grown = realloc(*to, room * item);
    if (grown)
        *to = grown;
    return grown;
}

static bool grow_bound(sampling *s, uint64_t room)
{
    wh_points *p = &s->found;
    bool ok = grow_array(&p->triangle, room, sizeof *p->triangle) && grow_array(&p->place, room, 2 * sizeof *p->place);
    for (uint32_t i = 0; ok && i < p->attribute_count; i++)
        ok = grow_array(&p->attribute[i].value, room, sizeof(float));
    return ok;
}

static bool grow_to(sampling *s, uint64_t room)
{
    wh_points *p = &s->found;
    if (!grow_array(&p->position, room, 12) || !grow_array(&p->value, room, sizeof *p->value) ||
        !grow_array(&p->id, room, sizeof *p->id) || (s->bound && !grow_bound(s, room)))
        return false;
    s->room = room;
    return true;
}

/* Half as much again as is needed, but not more than there can be: what is not used is never touched. */
static bool grow(sampling *s, uint64_t wanted)
{
    const uint64_t tried = (uint64_t)s->batch_count * s->plan.block, left = s->plan.candidates - s->next;
    const uint64_t most = wanted + (left > tried ? left - tried : 0), ample = wanted + wanted / 2 + 1024;
    if (wanted <= s->room)
        return true;
    return (wanted <= UINT32_MAX && (grow_to(s, ample < most ? ample : most) || grow_to(s, wanted))) || fail_memory(s);
}

static void join_bound(const sampling *s, const batch *b)
{
    const wh_points *p = &s->found;
    memcpy(p->triangle + b->at, b->triangle, b->joined * sizeof *p->triangle);
    for (size_t i = 0; i < b->joined; i++)
        for (size_t k = 0; k < 2; k++)
            p->place[(b->at + i) * 2 + k] = b->column[k][i];
    for (uint32_t k = 0; k < p->attribute_count; k++) {
        const bool last = k + 1 == p->attribute_count;
        float *to = (float *)(uintptr_t)p->attribute[k].value;
        memcpy(to + b->at, b->column[last ? WH_COLUMN_DISTANCE : WH_COLUMN_ATTRIBUTES + k], b->joined * sizeof *to);
    }
}

static void join_batch(void *context, uint32_t i)
{
    const sampling *s = context;
    const batch *b = &s->batch[i];
    if (!b->joined)
        return;
    float *to = s->found.position + (size_t)b->at * 3;
    for (size_t k = 0; k < b->joined; k++)
        to[k * 3] = b->x[k], to[k * 3 + 1] = b->y[k], to[k * 3 + 2] = b->z[k];
    memcpy(s->found.value + b->at, b->value, b->joined * sizeof *b->value);
    memcpy(s->found.id + b->at, b->id, b->joined * sizeof *b->id);
    if (s->bound)
        join_bound(s, b);
}

/* Appends what the first so many blocks kept, in their order. Each thread touches memory that is new as it copies. */
static bool join(sampling *s, uint32_t blocks)
{
    uint64_t count = s->found.count;
    for (uint32_t i = 0; i < blocks; i++) {
        batch *b = &s->batch[i];
        const uint64_t left = s->plan.wanted - count;
        b->at = (uint32_t)count; /* of so many as memory holds: grow sees to that */
        b->joined = b->kept < left ? b->kept : (uint32_t)left;
        count += b->joined;
    }
    if (!grow(s, count) || !wh__cook_parallel(s->cook, blocks, 0, s->call->kernel->id, join_batch, s))
        return false;
    s->found.count = (uint32_t)count;
    return true;
}

static bool is_complete(const sampling *s)
{
    return s->found.count >= s->plan.wanted || s->next >= s->plan.candidates;
}

/* As many blocks as it takes, going by how many candidates were kept so far: points beyond the wanted ones are lost. */
static uint32_t blocks_now(const sampling *s)
{
    const uint64_t left = (s->plan.candidates - s->next - 1) / s->plan.block + 1;
    const uint64_t most = left < s->batch_count ? left : s->batch_count;
    if (s->plan.wanted == UINT64_MAX)
        return (uint32_t)most;
    const double share = s->found.count ? (double)s->found.count / (double)s->next : s->next ? 0 : 1;
    const double needed = (double)(s->plan.wanted - s->found.count) / (share * s->plan.block);
    return needed < (double)most ? (uint32_t)needed + 1 : (uint32_t)most;
}

static bool run_sampler(sampling *s)
{
    /* All candidates will be tried, or so many points be found: that is how much there is to do. */
    const bool all = s->plan.wanted == UINT64_MAX;
    wh__cook_announce(s->cook, all ? s->plan.candidates : s->plan.wanted);
    while (!is_complete(s)) {
        const uint32_t blocks = blocks_now(s), found = s->found.count;
        const uint64_t weight = all ? s->plan.block : 0;
        if (!wh__cook_parallel(s->cook, blocks, weight, s->call->kernel->id, sample_block, s))
            return false;
        if (!join(s, blocks))
            return false;
        const uint64_t tried = (uint64_t)blocks * s->plan.block, left = s->plan.candidates - s->next;
        s->next = tried < left ? s->next + tried : s->plan.candidates;
        if (!all)
            wh__cook_advance(s->cook, s->found.count - found);
    }
    if (s->plan.wanted == UINT64_MAX || s->found.count >= s->plan.wanted)
        return true;
    char text[256];
    snprintf(text, sizeof text,
             "found %u of %llu points in %llu tries (does the mesh enclose anything? see at_least%s)", s->found.count,
             (unsigned long long)s->plan.wanted, (unsigned long long)s->plan.candidates,
             s->call->mask_count ? " and density" : "");
    wh__cook_fail(s->cook, WH_ERR_KERNEL, s->call->at, s->call->kernel->id, text);
    return false;
}

static bool allocate_bound(const sampling *s, batch *b)
{
    const size_t block = s->plan.block;
    b->triangle = malloc(block * (sizeof *b->triangle + s->surface.columns * sizeof **b->column));
    b->column = calloc(s->surface.columns, sizeof *b->column);
    if (!b->triangle || !b->column)
        return false;
    for (size_t k = 0; k < s->surface.columns; k++)
        b->column[k] = (float *)(b->triangle + block) + k * block;
    return true;
}

/* One piece for all, and more than they need: what is not needed is never touched, but where malloc goes by the largest
 * piece that was freed, it keeps more memory for the next sample. Fresh pages can cost more than the points. */
static bool allocate_batches(sampling *s)
{
    const size_t block = s->plan.block;
    s->batch_count = wh__pool_threads(s->cook->session->pool) * BLOCKS_AHEAD;
    const size_t room = (s->batch_count < BLOCKS_ROOM ? BLOCKS_ROOM : s->batch_count) * block;
    s->batch = calloc(s->batch_count, sizeof *s->batch);
    s->memory = malloc(room * (sizeof *s->memory + 4 * sizeof(float)));
    if (!s->batch || !s->memory)
        return fail_memory(s);
    float *floats = (float *)(s->memory + s->batch_count * block);
    for (uint32_t i = 0; i < s->batch_count; i++) {
        batch *b = &s->batch[i];
        b->id = s->memory + i * block;
        b->x = floats + 4 * i * block, b->y = b->x + block, b->z = b->y + block, b->value = b->z + block;
        if (s->bound && !allocate_bound(s, b))
            return fail_memory(s);
    }
    return true;
}

static void free_batches(sampling *s)
{
    for (uint32_t i = 0; s->batch && i < s->batch_count; i++) {
        free(s->batch[i].triangle);
        free(s->batch[i].column);
    }
    free(s->memory);
    free(s->batch);
}

typedef struct {
    sampling *of;
    bool ok;
} planning;

static void call_plan(void *context)
{
    planning *p = context;
    sampling *s = p->of;
    p->ok =
        s->call->kernel->desc.plan(&s->service.host, given_mesh(s), wh__params(s->cook, s->call), s->state, &s->plan);
}

static bool plan_sample(sampling *s, uint32_t call)
{
    planning p = {s, false};
    s->state = s->cook->ready[call].state;
    if (!wh__cook_call(s->cook, s->call, call_plan, &p) || !p.ok) {
        wh__cook_fail(s->cook, WH_ERR_KERNEL, s->call->at, s->call->kernel->id, "it could not plan its sample");
        return false;
    }
    if (s->plan.block >= 1 && s->plan.block <= MOST_BLOCK)
        return true;
    wh__cook_fail(s->cook, WH_ERR_KERNEL, s->call->at, s->call->kernel->id, "its plan's block is not 1 .. 1048576");
    return false;
}

static void list_names(const wh__plan *p, wh_role role, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < p->call_count && used < size; i++)
        if (p->call[i]->role == role)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", p->call[i]->name);
}

static bool find_sampler(wh__cook *c, const char *name, uint32_t *out)
{
    char names[512], text[700];
    for (uint32_t i = 0; i < c->plan->call_count; i++) {
        const wh__call *s = c->plan->call[i];
        if (s->role == WH_ROLE_SAMPLE && (!name || strcmp(s->name, name) == 0)) {
            *out = i;
            return true;
        }
    }
    list_names(c->plan, WH_ROLE_SAMPLE, names, sizeof names);
    if (!names[0])
        snprintf(text, sizeof text, "the pipeline has no sampler (add sample.inside { … })");
    else
        snprintf(text, sizeof text, "the pipeline has no sampler '%.64s' (it has %s)", name, names);
    wh__cook_fail(c, WH_ERR_ARGUMENT, "", "", text);
    return false;
}

/* ---- points that are bound to the surface ---- */

/* The mesh's own name, but for those that points have: files and hosts tell columns by them. */
static char *carried_name(const char *name)
{
    static const char *const taken[] = {"x", "y", "z", "id", "winding", "surface_distance"};
    const char *before = "";
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            before = "mesh_";
    const size_t size = strlen(before) + strlen(name) + 1;
    char *carried = malloc(size);
    if (carried)
        snprintf(carried, size, "%s%s", before, name);
    return carried;
}

static bool name_attributes(sampling *s, const wh_view *view)
{
    wh_points *p = &s->found;
    p->attribute = calloc((size_t)view->attribute_count + 1, sizeof *p->attribute);
    for (uint32_t i = 0; p->attribute && i <= view->attribute_count; i++) {
        const bool last = i == view->attribute_count;
        p->attribute[i].name = last ? strdup("surface_distance") : carried_name(view->attribute[i].name);
        p->attribute_count++;
        if (!p->attribute[i].name)
            return fail_memory(s);
    }
    return p->attribute || fail_memory(s);
}

static bool bind_surface(sampling *s, const wh_common *m)
{
    const wh_view *now = s->cook->view;
    s->bound = m->attributes || m->follow;
    if (!s->bound)
        return true;
    s->surface = (wh__surface){.view = now, .columns = WH_COLUMN_ATTRIBUTES};
    if (m->follow && now->rest) {
        s->surface.moved = (const uint8_t *)now->position;
        s->surface.stride = now->stride ? now->stride : 12;
        s->rest = *now;
        s->rest.position = now->rest;
        s->rest.stride = 0;
        s->rest.moves = 0;
        s->cook->view = &s->rest;
    }
    if (m->attributes && !name_attributes(s, now))
        return false;
    s->surface.columns += m->attributes ? now->attribute_count : 0;
    return wh__cook_shape(s->cook) && wh__nearest_build(s->cook, given_mesh(s), &s->surface.tree);
}

static void run_call(wh__cook *c, uint32_t call, const wh_common *m, wh_points *out)
{
    const wh_view *view = c->view;
    const wh__call *k = c->plan->call[call];
    sampling s = {.cook = c, .call = k, .found = {.size = sizeof s.found}};
    s.service = wh__service_for(c, s.call);
    if (bind_surface(&s, m) && wh__cook_shape(c) && wh__cook_ready(c, call, &c->shape, true) &&
        wh__cook_ready_ops(c, k->mask_first, k->mask_count, false) && plan_sample(&s, call) && allocate_batches(&s) &&
        run_sampler(&s))
        *out = s.found;
    else
        wh_points_free(&s.found);
    free_batches(&s);
    wh__nearest_free(&s.surface.tree);
    c->view = view;
}

static void run_sample(wh__cook *c, const char *name, wh_points *out)
{
    uint32_t call;
    if (!find_sampler(c, name, &call))
        return;
    const wh_common *m = wh__common(c, c->plan->call[call]);
    const double before = wh__now();
    atomic_store(&c->plan->call[call]->enabled, m->enabled);
    if (!m->enabled) {
        if (wh__cook_shape(c))
            *out = (wh_points){.size = sizeof *out};
        return;
    }
    run_call(c, call, m, out);
    atomic_store(&c->plan->call[call]->milliseconds, (wh__now() - before) * 1e3);
}

void wh__sample_plan(wh__cook *c, void *context)
{
    const wh__sample_request *r = context;
    wh_points_free(r->out); /* of a turn before this, whose kernel crashed */
    run_sample(c, r->name, r->out);
}

wh_status wh_sample(const wh_session *s, const char *name, const wh_view *in, double seconds, wh_points *out)
{
    if (!s || !out || out->size != sizeof *out)
        return wh__fail(WH_ERR_ARGUMENT, "wh_sample needs a session, a mesh and a wh_points with its size set");
    if (wh__check_view(in) != WH_OK)
        return WH_ERR_ARGUMENT;
    wh_points found = {.size = sizeof found};
    wh__sample_request r = {name, &found};
    const wh_status status = wh__cook_run(s, in, seconds, &(wh__work){.all = wh__sample_plan, .context = &r});
    if (status == WH_OK)
        *out = found;
    else
        wh_points_free(&found);
    return status;
}

/* ---- fields ---- */

typedef struct {
    wh__cook *cook;
    const wh__named_field *field;
    const float *query;
    const float *normal;
    float *out;
    uint32_t count;
} field_pass;

static void field_block(void *context, uint32_t i)
{
    const field_pass *p = context;
    wh__arrays *a = wh__cook_arrays(p->cook);
    if (!a)
        return;
    a->first = (uint64_t)i * WH_BLOCK;
    a->has_normals = p->normal;
    a->count = (uint32_t)(p->count - a->first < WH_BLOCK ? p->count - a->first : WH_BLOCK);
    wh__begin_block(p->cook, a);
    const float *from = p->query + a->first * 3, *n = p->normal ? p->normal + a->first * 3 : NULL;
    for (uint32_t k = 0; k < a->count; k++)
        a->x[k] = from[k * 3], a->y[k] = from[k * 3 + 1], a->z[k] = from[k * 3 + 2];
    for (uint32_t k = 0; n && k < a->count; k++)
        a->nx[k] = n[k * 3], a->ny[k] = n[k * 3 + 1], a->nz[k] = n[k * 3 + 2];
    wh__eval_ops(p->cook, p->field->first, p->field->count, a);
    memcpy(p->out + a->first, a->weight[0], a->count * sizeof(float));
}

static const wh__named_field *find_field(wh__cook *c, const char *name)
{
    char names[512], text[700];
    size_t used = 0;
    for (uint32_t i = 0; i < c->plan->field_count; i++) {
        if (strcmp(c->plan->field[i].name, name) == 0)
            return &c->plan->field[i];
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", c->plan->field[i].name);
    }
    snprintf(text, sizeof text, "the pipeline has no field '%.64s' (it has %s)", name, used ? names : "none");
    wh__cook_fail(c, WH_ERR_ARGUMENT, "", "", text);
    return NULL;
}

static bool field_normals(field_pass *p, float **normal)
{
    uint32_t needs = 0;
    for (uint32_t i = p->field->first; i < p->field->first + p->field->count; i++)
        if (p->cook->plan->op[i].kind == WH_OP_FIELD)
            needs |= p->cook->plan->call[p->cook->plan->op[i].call]->kernel->desc.needs;
    if (!(needs & WH_NEEDS_NORMALS))
        return true;
    if (!wh__cook_shape(p->cook))
        return false;
    *normal = malloc((size_t)p->count * 12 + 1);
    if (!*normal) {
        wh__cook_fail(p->cook, WH_ERR_MEMORY, "", "", "out of memory");
        return false;
    }
    wh__vertex_normals(&p->cook->shape.geometry, *normal);
    p->normal = *normal;
    return true;
}

typedef struct {
    void (*field)(const wh_field_job *j);
    wh_field_job job;
} job_run;

static void call_field(void *context)
{
    const job_run *r = context;
    r->field(&r->job);
}

/* The call, when the field is nothing but one call of a kernel that takes all points at once; else NULL. */
static const wh__call *only_call(const wh__cook *c, const wh__named_field *f)
{
    const wh__op *o = &c->plan->op[f->first];
    const wh__call *call = f->count == 1 && o->kind == WH_OP_FIELD ? c->plan->call[o->call] : NULL;
    return call && call->kernel->desc.field && !call->attribute_count ? call : NULL;
}

static void run_job(wh__cook *c, const wh__call *call, const void *params, const void *state, const float *position,
                    uint32_t count, float *out)
{
    const wh__service service = wh__service_for(c, call);
    job_run run = {.field = call->kernel->desc.field,
                   .job = {.size = sizeof run.job,
                           .count = count,
                           .host = &service.host,
                           .position = position,
                           .value = out,
                           .params = params,
                           .state = state,
                           .time = c->time}};
    if (c->announced)
        atomic_store(&c->session->at_work, call->kernel->id);
    wh__cook_call(c, call, call_field, &run);
    if (c->announced)
        wh__cook_advance(c, count);
}

/* So few points are done before anybody could look how far they are. */
static void announce_points(wh__cook *c, uint32_t count)
{
    if (count > WH_BLOCK)
        wh__cook_announce(c, count);
}

static void run_field(wh__cook *c, const char *name, const float *query, uint32_t count, float *out)
{
    const wh__named_field *f = find_field(c, name);
    if (!f || !wh__cook_outline(c) || !wh__cook_ready_ops(c, f->first, f->count, !query))
        return;
    const wh__call *call = only_call(c, f);
    if (call) {
        const wh__ready *ready = &c->ready[c->plan->op[f->first].call];
        announce_points(c, count);
        run_job(c, call, wh__params(c, call), ready->state, query ? query : c->shape.geometry.position, count, out);
        wh__again_keep(c, f, call, ready->held);
        return;
    }
    float *normal = NULL;
    field_pass p = {
        .cook = c, .field = f, .query = query ? query : c->shape.geometry.position, .out = out, .count = count};
    announce_points(c, count);
    if (query || field_normals(&p, &normal))
        wh__cook_parallel(c, (uint32_t)(((uint64_t)count + WH_BLOCK - 1) / WH_BLOCK), WH_BLOCK, "field", field_block,
                          &p);
    free(normal);
}

typedef struct {
    const char *name;
    const float *query;
    uint32_t count;
    float *out;
} field_request;

static void field_plan(wh__cook *c, void *context)
{
    const field_request *r = context;
    run_field(c, r->name, r->query, r->count, r->out);
}

static bool field_again(wh__cook *c, void *context)
{
    const field_request *r = context;
    const wh__again *a = r->query && r->count <= WH_BLOCK ? wh__again_begin(c, r->name) : NULL;
    if (!a)
        return false;
    memcpy(c->thread->memory, a->params, a->param_size); /* between pages that nobody may touch, as in any cook */
    run_job(c, a->call, c->thread->memory, a->data, r->query, r->count, r->out);
    wh__state_return(c->thread);
    return true;
}

wh_status wh_field(const wh_session *s, const char *name, const wh_view *in, double seconds, const float *query,
                   uint32_t count, float *out)
{
    if (!s || !name || (count && !out))
        return wh__fail(WH_ERR_ARGUMENT, "wh_field needs a session, a field's name, a mesh and room for the result");
    if (wh__check_view(in) != WH_OK)
        return WH_ERR_ARGUMENT;
    if (!query && count != in->point_count)
        return wh__fail(WH_ERR_ARGUMENT, "without queries the field is taken at the mesh's %u points, not %u",
                        in->point_count, count);
    field_request r = {name, query, count, out};
    return wh__cook_run(s, in, seconds, &(wh__work){field_plan, field_again, &r});
}

/* ---- meshes that a pipeline makes ---- */

typedef struct {
    wh_make make; /* first: the kernel hands it back */
    wh_mesh *mesh;
    const wh__call *call;
    bool begun, made;
} making;

static bool give_room(making *k, uint32_t points, uint32_t triangles)
{
    const wh_make *m = &k->make;
    if (k->begun) {
        m->host->fail(m->host, "it called begin twice");
        return false;
    }
    k->begun = wh__mesh_reserve(k->mesh, points, triangles) == WH_OK;
    if (!k->begun)
        m->host->fail(m->host, "out of memory");
    return k->begun;
}

static bool begin(const wh_make *m, uint32_t points, uint32_t triangles, float **position, uint32_t **triangle)
{
    making *k = (making *)(void *)m;
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    const bool ok = give_room(k, points, triangles);
    if (t)
        wh__guard_enter(t, was);
    if (!ok)
        return false;
    *position = k->mesh->position;
    *triangle = k->mesh->triangle;
    return true;
}

static void call_make(void *context)
{
    making *k = context;
    k->made = k->call->kernel->desc.make(&k->make);
}

static void check_made(wh__cook *c, const wh__call *call, const making *k)
{
    char text[128];
    const wh_mesh *m = k->mesh;
    if (!k->begun)
        wh__cook_fail(c, WH_ERR_KERNEL, call->at, call->kernel->id, "it made no mesh (call begin)");
    for (size_t i = 0; k->begun && i < (size_t)m->triangle_count * 3; i++) {
        if (m->triangle[i] < m->point_count)
            continue;
        snprintf(text, sizeof text, "triangle %zu uses point %u of %u", i / 3, m->triangle[i], m->point_count);
        wh__cook_fail(c, WH_ERR_KERNEL, call->at, call->kernel->id, text);
        return;
    }
}

static void make_mesh(wh__cook *c, wh__call *call, wh_mesh *mesh)
{
    const wh__service service = wh__service_for(c, call);
    making k = {.make = {.size = sizeof k.make,
                         .host = &service.host,
                         .params = wh__params(c, call),
                         .time = c->time,
                         .begin = begin},
                .mesh = mesh,
                .call = call};
    const double before = wh__now();
    atomic_store(&c->session->at_work, call->kernel->id);
    if (!wh__cook_call(c, call, call_make, &k) || !k.made)
        wh__cook_fail(c, WH_ERR_KERNEL, call->at, call->kernel->id, "it could not make its mesh");
    else
        check_made(c, call, &k);
    atomic_store(&call->enabled, true);
    atomic_store(&call->milliseconds, (wh__now() - before) * 1e3);
}

static wh__call *find_mesh(const wh__plan *p)
{
    for (uint32_t i = 0; i < p->call_count; i++)
        if (p->call[i]->role == WH_ROLE_MESH)
            return p->call[i];
    return NULL;
}

static void source_plan(wh__cook *c, void *context)
{
    wh_mesh **out = context;
    wh__call *call = find_mesh(c->plan);
    wh_mesh_free(*out); /* of a turn before this, whose kernel crashed */
    *out = wh__mesh_new();
    if (!*out)
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
    else if (!call)
        wh__cook_fail(c, WH_ERR_ARGUMENT, "", "",
                      "the pipeline makes no mesh of its own (give one, or add mesh.sphere { … })");
    else
        make_mesh(c, call, *out);
}

wh_status wh_source(const wh_session *s, double seconds, wh_mesh **out)
{
    wh_mesh *mesh = NULL;
    if (!s || !out)
        return wh__fail(WH_ERR_ARGUMENT, "wh_source needs a session and a place for the mesh");
    const wh_status status = wh__cook_run(s, NULL, seconds, &(wh__work){.all = source_plan, .context = &mesh});
    if (status == WH_OK)
        *out = mesh;
    else
        wh_mesh_free(mesh);
    return status;
}
