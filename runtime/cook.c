/* cook.c - begin and end an evaluation, lend services to kernels, evaluate field expressions. */
#include "cook.h"
#include "hash.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- services for kernels ---- */

static void *host_alloc(const wh_host *h, size_t bytes)
{
    (void)h;
    if (bytes > SIZE_MAX - 64)
        return NULL;
    return aligned_alloc(64, bytes ? (bytes + 63) & ~(size_t)63 : 64);
}

static void host_free(const wh_host *h, void *p)
{
    (void)h;
    free(p);
}

static bool plain_parallel_for(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    (void)h;
    for (uint32_t i = 0; i < count; i++)
        work(context, i);
    return true;
}

static void plain_text(const wh_host *h, const char *text)
{
    (void)h;
    (void)text;
}

const wh_host wh__plain_host = {.size = sizeof(wh_host),
                                .alloc = host_alloc,
                                .free = host_free,
                                .parallel_for = plain_parallel_for,
                                .fail = plain_text,
                                .warn = plain_text};

struct stoppable {
    wh__cook *cook;
    void (*work)(void *context, uint32_t i);
    void *context;
    uint64_t weight;
};

static void work_unless_stopped(void *context, uint32_t i)
{
    const struct stoppable *s = context;
    if (wh__cook_stopped(s->cook))
        return;
    s->work(s->context, i);
    wh__cook_advance(s->cook, s->weight);
}

void wh__cook_announce(wh__cook *c, uint64_t units)
{
    c->announced += units;
    atomic_fetch_add(&c->session->work_total, units);
}

void wh__cook_advance(wh__cook *c, uint64_t units)
{
    atomic_fetch_add_explicit(&c->done, units, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->session->work_done, units, memory_order_relaxed);
}

static bool run_parallel(wh__cook *c, uint32_t count, uint64_t weight, void (*work)(void *context, uint32_t i),
                         void *context)
{
    struct stoppable s = {c, work, context, weight};
    wh__pool_run(c->session->pool, count, work_unless_stopped, &s);
    return !wh__cook_stopped(c);
}

static bool host_parallel_for(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    return run_parallel(((const wh__service *)(const void *)h)->cook, count, 0, work, context);
}

static void host_fail(const wh_host *h, const char *reason)
{
    const wh__service *s = (const void *)h;
    wh__cook_fail(s->cook, WH_ERR_KERNEL, s->call->at, s->call->kernel->id, reason);
}

static void host_warn(const wh_host *h, const char *text)
{
    const wh__service *s = (const void *)h;
    char line[1200];
    snprintf(line, sizeof line, "%s: %s: %.600s", s->call->at, s->call->kernel->id, text);
    wh__warn(s->cook->session, line);
}

wh__service wh__service_for(wh__cook *c, const wh__call *call)
{
    return (wh__service){.host = {.size = sizeof(wh_host),
                                  .alloc = host_alloc,
                                  .free = host_free,
                                  .parallel_for = host_parallel_for,
                                  .fail = host_fail,
                                  .warn = host_warn},
                         .cook = c,
                         .call = call};
}

/* ---- begin and end ---- */

static void apply_patch(wh__cook *c, const wh__patch *p, const double from[4])
{
    unsigned char *to = c->value + p->to;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->type == WH_VALUE_FLOAT)
            ((float *)(void *)to)[i] = (float)from[i];
        else if (p->type == WH_VALUE_INT)
            ((int32_t *)(void *)to)[i] = (int32_t)from[i];
        else
            to[i] = from[i] != 0;
    }
}

static wh_status bring_to_now(wh__cook *c)
{
    const wh__plan *p = c->plan;
    double(*of_time)[4] = p->function_count ? malloc(p->function_count * sizeof *of_time) : NULL;
    if (p->function_count && !of_time)
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    wh_status status = wh__plan_functions(c->plan, c->time, of_time);
    for (uint32_t i = 0; status == WH_OK && i < p->patch_count; i++)
        apply_patch(c, &p->patch[i],
                    p->patch[i].function ? of_time[p->patch[i].index] : c->pin.settings->value[p->patch[i].index]);
    free(of_time);
    return status;
}

wh_status wh__cook_begin(wh__cook *c, const wh_session *s, const wh_view *view, double seconds)
{
    *c = (wh__cook){.session = (wh_session *)s, .view = view, .time = seconds};
    if (!isfinite(seconds))
        return wh__fail(WH_ERR_ARGUMENT, "the time is not a number of seconds");
    if (!wh__pin(c->session, &c->pin))
        return wh__fail(WH_ERR_CONFIG, "there is no pipeline to run: none was loaded without a mistake");
    c->plan = c->pin.plan;
    c->value = aligned_alloc(64, (c->plan->value_size + 127) & ~(size_t)63);
    c->ready = calloc(c->plan->call_count + 1, sizeof *c->ready);
    wh_status status = WH_ERR_MEMORY;
    if (c->value && c->ready) {
        if (c->plan->value_size)
            memcpy(c->value, c->plan->value, c->plan->value_size);
        status = bring_to_now(c);
    } else {
        wh__fail(status, "out of memory");
    }
    pthread_mutex_init(&c->lock, NULL);
    if (status == WH_OK)
        return WH_OK;
    c->status = (int)status;
    snprintf(c->reason, sizeof c->reason, "%s", wh_last_error());
    return wh__cook_end(c);
}

static void drop_states(wh__cook *c)
{
    for (uint32_t i = 0; c->ready && i < c->plan->call_count; i++)
        if (c->ready[i].held)
            wh__state_drop(c->plan->call[i]->kernel, c->ready[i].held);
}

wh_status wh__cook_end(wh__cook *c)
{
    wh_status status = (wh_status)atomic_load(&c->status);
    const bool cancelled = atomic_load(&c->session->cancels) != c->pin.cancels;
    drop_states(c);
    wh__unpin(c->session, &c->pin);
    atomic_fetch_sub(&c->session->work_done, atomic_load(&c->done));
    atomic_fetch_sub(&c->session->work_total, c->announced);
    free(c->packed);
    free(c->ready);
    free(c->value);
    if (cancelled)
        status = wh__fail(WH_ERR_CANCELLED, "cancelled");
    else if (status != WH_OK)
        wh__fail(status, "%s", c->reason);
    pthread_mutex_destroy(&c->lock);
    return status;
}

void wh__cook_fail(wh__cook *c, wh_status status, const char *at, const char *kernel, const char *reason)
{
    pthread_mutex_lock(&c->lock);
    if (atomic_load(&c->status) == WH_OK) {
        snprintf(c->reason, sizeof c->reason, "%s%s%s%s%.500s", at, at[0] ? ": " : "", kernel, kernel[0] ? ": " : "",
                 reason);
        atomic_store(&c->status, (int)status);
    }
    pthread_mutex_unlock(&c->lock);
}

bool wh__cook_stopped(wh__cook *c)
{
    return atomic_load_explicit(&c->status, memory_order_relaxed) != WH_OK ||
           atomic_load_explicit(&c->session->cancels, memory_order_relaxed) != c->pin.cancels;
}

const void *wh__params(const wh__cook *c, const wh__call *call)
{
    return c->value + call->params;
}

const wh_common *wh__common(const wh__cook *c, const wh__call *call)
{
    return (const wh_common *)(const void *)(c->value + call->common);
}

bool wh__cook_parallel(wh__cook *c, uint32_t count, uint64_t weight, const char *kernel,
                       void (*work)(void *context, uint32_t i), void *context)
{
    atomic_store(&c->session->at_work, kernel);
    return run_parallel(c, count, weight, work, context);
}

/* ---- the mesh ---- */

wh_status wh__check_view(const wh_view *v)
{
    if (!v || v->size != sizeof *v)
        return wh__fail(WH_ERR_ARGUMENT, "the view of the mesh has the wrong size (set view.size)");
    if (v->point_count && !v->position)
        return wh__fail(WH_ERR_ARGUMENT, "the mesh has %u points but no positions", v->point_count);
    if (v->triangle_count && !v->triangle)
        return wh__fail(WH_ERR_ARGUMENT, "the mesh has %u triangles but no indices", v->triangle_count);
    if (v->stride && v->stride < 12)
        return wh__fail(WH_ERR_ARGUMENT, "a stride of %zu bytes is less than a point's 12", v->stride);
    if (v->point_count && v->stride > PTRDIFF_MAX / v->point_count)
        return wh__fail(WH_ERR_ARGUMENT, "a stride of %zu bytes is more than memory holds", v->stride);
    if (v->attribute_count && !v->attribute)
        return wh__fail(WH_ERR_ARGUMENT, "the mesh has %u attributes but no values", v->attribute_count);
    for (uint32_t i = 0; i < v->attribute_count; i++)
        if (!v->attribute[i].name || (v->point_count && !v->attribute[i].value))
            return wh__fail(WH_ERR_ARGUMENT, "attribute %u has no name or no values", i);
    return WH_OK;
}

bool wh__points_overlap(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return a_size && b_size && x < y + b_size && y < x + a_size;
}

static bool mesh_fault(wh__cook *c, const char *text)
{
    wh__cook_fail(c, WH_ERR_ARGUMENT, "", "", text);
    return false;
}

static bool check_triangles(wh__cook *c, const wh_view *v)
{
    uint32_t largest = 0;
    char text[160];
    for (size_t i = 0; i < (size_t)v->triangle_count * 3; i++)
        largest = v->triangle[i] > largest ? v->triangle[i] : largest;
    if (v->triangle_count == 0 || largest < v->point_count)
        return true;
    snprintf(text, sizeof text, "a triangle uses point %u, but the mesh has %u points, counted from 0", largest,
             v->point_count);
    return mesh_fault(c, text);
}

static bool pack(wh__cook *c, const wh_view *v)
{
    if (v->stride == 0 || v->stride == 12) {
        c->shape.geometry.position = v->position;
        return true;
    }
    c->packed = malloc((size_t)v->point_count * 12 + 1);
    if (!c->packed) {
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
        return false;
    }
    for (size_t i = 0; i < v->point_count; i++)
        memcpy(c->packed + i * 3, (const char *)v->position + i * v->stride, 12);
    c->shape.geometry.position = c->packed;
    return true;
}

bool wh__cook_shape(wh__cook *c)
{
    const wh_view *v = c->view;
    if (c->shape.geometry.size)
        return true;
    if (!check_triangles(c, v) || !pack(c, v))
        return false;
    c->shape.geometry.size = sizeof(wh_geometry);
    c->shape.geometry.point_count = v->point_count;
    c->shape.geometry.triangle_count = v->triangle ? v->triangle_count : 0;
    c->shape.geometry.triangle = v->triangle;
    c->shape.host_topology = v->topology;
    return true;
}

static uint64_t topology_of(wh__shape *s)
{
    const wh_geometry *g = &s->geometry;
    if (s->topology == 0) {
        const uint64_t counts = (uint64_t)g->point_count << 32 | g->triangle_count;
        s->topology = s->host_topology ? wh__hash(&s->host_topology, sizeof s->host_topology, counts)
                                       : wh__hash(g->triangle, (size_t)g->triangle_count * 12, counts);
        s->topology |= 1;
    }
    return s->topology;
}

static uint64_t positions_of(wh__shape *s)
{
    if (s->positions == 0)
        s->positions = wh__hash(s->geometry.position, (size_t)s->geometry.point_count * 12, 1) | 1;
    return s->positions;
}

static bool prepare(wh__cook *c, const wh__call *call, wh__ready *r, wh__shape *shape)
{
    const wh_kernel *d = call->kernel->desc;
    wh_geometry given = {.size = sizeof given, .point_count = shape->geometry.point_count};
    const uint32_t param_size = d->needs & WH_STATE_OF_MESH ? 0 : d->param_size;
    uint64_t key = wh__hash(wh__params(c, call), param_size, given.point_count);
    if (d->needs & WH_NEEDS_TRIANGLES) {
        given.triangle = shape->geometry.triangle;
        given.triangle_count = shape->geometry.triangle_count;
        key = wh__hash(&key, sizeof key, topology_of(shape));
    }
    if (d->needs & WH_NEEDS_POSITIONS) {
        given.position = shape->geometry.position;
        key = wh__hash(&key, sizeof key, positions_of(shape));
    }
    wh__service service = wh__service_for(c, call);
    r->held = wh__state_get(call->kernel, key, &service.host, &given, wh__params(c, call));
    r->state = r->held ? r->held->data : NULL;
    return r->held;
}

static void list_attributes(const wh_view *v, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, v->attribute_count ? "it has " : "it has none");
    for (uint32_t i = 0; i < v->attribute_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", v->attribute[i].name);
}

static bool find_attribute(wh__cook *c, const wh__call *call, const char *name, const wh_attribute **out)
{
    const wh_view *v = c->view;
    char has[256], text[480];
    for (uint32_t i = 0; i < v->attribute_count; i++)
        if (strcmp(v->attribute[i].name, name) == 0) {
            *out = &v->attribute[i];
            return true;
        }
    list_attributes(v, has, sizeof has);
    snprintf(text, sizeof text, "the mesh has no point attribute '%.64s' (%s)", name, has);
    wh__cook_fail(c, WH_ERR_ARGUMENT, call->at, call->kernel->id, text);
    return false;
}

static bool find_attributes(wh__cook *c, const wh__call *call, wh__ready *r, bool at_points)
{
    if (call->attribute_count && !at_points) {
        wh__cook_fail(c, WH_ERR_ARGUMENT, call->at, call->kernel->id,
                      "a point attribute has no values away from the points (ask for it at the mesh's points)");
        return false;
    }
    for (uint32_t i = 0; i < call->attribute_count; i++)
        if (!find_attribute(c, call, (const char *)wh__params(c, call) + call->attribute[i], &r->attribute[i]))
            return false;
    return true;
}

bool wh__cook_ready(wh__cook *c, uint32_t index, wh__shape *shape, bool at_points)
{
    const wh__call *call = c->plan->call[index];
    wh__ready *r = &c->ready[index];
    if (r->done)
        return true;
    if (!find_attributes(c, call, r, at_points))
        return false;
    if (call->kernel->desc->prepare && !(wh__cook_shape(c) && prepare(c, call, r, shape)))
        return false;
    return r->done = true;
}

bool wh__cook_ready_ops(wh__cook *c, uint32_t first, uint32_t count, bool at_points)
{
    for (uint32_t i = first; i < first + count; i++) {
        const wh__op *o = &c->plan->op[i];
        if (o->kind != WH_OP_FIELD)
            continue;
        if (!wh__cook_ready(c, o->call, &c->shape, at_points))
            return false;
    }
    return true;
}

/* Accumulates cross products, whose length is twice the area: the usual area weighting. */
void wh__vertex_normals(const wh_geometry *g, float *normal)
{
    memset(normal, 0, (size_t)g->point_count * 12);
    for (size_t t = 0; t < g->triangle_count; t++) {
        const uint32_t *v = g->triangle + t * 3;
        const float *a = g->position + (size_t)v[0] * 3, *b = g->position + (size_t)v[1] * 3,
                    *c = g->position + (size_t)v[2] * 3;
        const float u[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, w[3] = {c[0] - a[0], c[1] - a[1], c[2] - a[2]};
        const float n[3] = {u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]};
        for (int corner = 0; corner < 3; corner++)
            for (int k = 0; k < 3; k++)
                normal[(size_t)v[corner] * 3 + (size_t)k] += n[k];
    }
    for (size_t i = 0; i < g->point_count; i++) {
        float *n = normal + i * 3;
        /* In double: the square of a small normal would underflow. */
        const double length = sqrt((double)n[0] * n[0] + (double)n[1] * n[1] + (double)n[2] * n[2]);
        for (int k = 0; k < 3; k++)
            n[k] = length > 0 ? (float)(n[k] / length) : 0;
    }
}

/* ---- blocks ---- */

static const float *attribute_values(const wh_attribute *a, const wh__arrays *arrays, float *scratch)
{
    const size_t stride = a->stride ? a->stride : sizeof(float);
    const char *from = (const char *)a->value + arrays->first * stride;
    for (uint32_t i = 0; i < arrays->count; i++)
        memcpy(&scratch[i], from + i * stride, sizeof(float));
    return scratch;
}

void wh__run_block(wh__cook *c, uint32_t index, wh__arrays *a, float *value)
{
    const wh__call *call = c->plan->call[index];
    const wh__ready *r = &c->ready[index];
    const float *attribute[WH_MOST_ATTRIBUTES];
    for (uint32_t i = 0; i < call->attribute_count; i++)
        attribute[i] = attribute_values(r->attribute[i], a, a->attribute[i]);
    const bool normals = a->has_normals && (call->kernel->desc->needs & WH_NEEDS_NORMALS);
    const wh_block b = {.size = sizeof b,
                        .count = a->count,
                        .first = a->first,
                        .x = a->x,
                        .y = a->y,
                        .z = a->z,
                        .value = value,
                        .nx = normals ? a->nx : NULL,
                        .ny = normals ? a->ny : NULL,
                        .nz = normals ? a->nz : NULL,
                        .attribute = attribute,
                        .params = wh__params(c, call),
                        .state = r->state,
                        .time = c->time};
    call->kernel->desc->run(&b);
}

static void combine(wh_op_kind kind, float *restrict a, const float *restrict b, uint32_t count)
{
    if (kind == WH_OP_ADD)
        for (uint32_t i = 0; i < count; i++)
            a[i] += b[i];
    else if (kind == WH_OP_SUB)
        for (uint32_t i = 0; i < count; i++)
            a[i] -= b[i];
    else
        for (uint32_t i = 0; i < count; i++)
            a[i] *= b[i];
}

void wh__eval_ops(wh__cook *c, uint32_t first, uint32_t count, wh__arrays *a)
{
    uint32_t depth = 0;
    for (uint32_t i = first; i < first + count; i++) {
        const wh__op *o = &c->plan->op[i];
        if (o->kind == WH_OP_FIELD) {
            wh__run_block(c, o->call, a, a->weight[depth++]);
        } else if (o->kind == WH_OP_CONST) {
            for (uint32_t k = 0; k < a->count; k++)
                a->weight[depth][k] = o->value;
            depth++;
        } else {
            depth--;
            combine(o->kind, a->weight[depth - 1], a->weight[depth], a->count);
        }
    }
}
