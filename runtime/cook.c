/* cook.c - begin and end an evaluation, lend services to kernels, evaluate field expressions. */
#include "cook.h"
#include "hash.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNTIMED 64      /* of so many small cooks of a thread one is timed */
#define MOST_TURNS 32   /* of a cook whose kernels crash one after the other */
#define TIME_LIMIT 10.0 /* seconds, where the pipeline does not say */

/* ---- services for kernels ---- */

static void *get_large(size_t bytes)
{
    const size_t size = (bytes + WH_LARGE_PAGE - 1) & ~(WH_LARGE_PAGE - 1); /* the rest of the last is never touched */
    void *p = size < bytes ? NULL : aligned_alloc(WH_LARGE_PAGE, size);
    if (p)
        wh__prefer_large_pages(p, bytes);
    return p;
}

/* Whatever a kernel calls is ours, not the kernel's: nothing in it may be cut short. */
static void *host_alloc(const wh_host *h, size_t bytes)
{
    (void)h;
    if (bytes > SIZE_MAX - 64)
        return NULL;
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    const size_t size = bytes ? (bytes + 63) & ~(size_t)63 : 64;
    void *p = size < 2 * WH_LARGE_PAGE ? aligned_alloc(64, size) : get_large(size);
    if (t)
        wh__guard_enter(t, was);
    return p;
}

static void host_free(const wh_host *h, void *p)
{
    (void)h;
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    free(p);
    if (t)
        wh__guard_enter(t, was);
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
                                .warn = plain_text,
                                .note = plain_text};

/* Under the cook's lock. */
static void set_reason(wh__cook *c, wh_status status, const char *at, const char *kernel, const char *reason)
{
    char text[1200];
    if (atomic_load(&c->status) != WH_OK)
        return;
    snprintf(text, sizeof text, "%s%s%s%s%.500s", at, at[0] ? ": " : "", kernel, kernel[0] ? ": " : "", reason);
    c->reason = strdup(text);
    atomic_store(&c->status, (int)status);
}

void wh__cook_fail(wh__cook *c, wh_status status, const char *at, const char *kernel, const char *reason)
{
    pthread_mutex_lock(&c->lock);
    set_reason(c, status, at, kernel, reason);
    pthread_mutex_unlock(&c->lock);
}

static void note_crash(wh__cook *c, const wh__call *call, const wh__fault *fault)
{
    pthread_mutex_lock(&c->lock);
    if (!c->crashed) {
        c->crashed = call;
        c->fault = *fault;
        set_reason(c, WH_ERR_KERNEL, call->at, call->kernel->id, fault->text);
    }
    pthread_mutex_unlock(&c->lock);
}

static double time_limit(const wh__cook *c)
{
    return c->plan->reload.time_limit > 0 ? c->plan->reload.time_limit : TIME_LIMIT;
}

struct stoppable {
    wh__cook *cook;
    const wh__call *call; /* of a kernel whose own work this is; NULL: ours */
    void (*work)(void *context, uint32_t i);
    void *context;
    uint64_t weight;
};

struct kernel_work {
    const struct stoppable *of;
    uint32_t i;
};

static void call_work(void *context)
{
    const struct kernel_work *w = context;
    w->of->work(w->of->context, w->i);
}

/* Blocks of our own: one guarded call for all the kernels in it, open only while one of them runs. */
static void run_region(wh__cook *c, void (*work)(void *context, uint32_t i), void *context, uint32_t i)
{
    wh__thread *t = wh__thread_self();
    wh__fault fault;
    if (!c->session->guarded) {
        work(context, i);
        return;
    }
    if (!t) {
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
        return;
    }
    t->calling = NULL;
    if (wh__guarded_region(t, time_limit(c), work, context, i, &fault))
        return;
    if (t->calling)
        note_crash(c, t->calling, &fault);
    else
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", fault.text);
}

static void work_unless_stopped(void *context, uint32_t i)
{
    const struct stoppable *s = context;
    if (wh__cook_stopped(s->cook))
        return;
    if (s->call)
        wh__cook_call(s->cook, s->call, call_work, &(struct kernel_work){s, i});
    else
        run_region(s->cook, s->work, s->context, i);
    if (s->weight && s->cook->announced)
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

static bool run_parallel(wh__cook *c, const wh__call *call, uint32_t count, uint64_t weight,
                         void (*work)(void *context, uint32_t i), void *context)
{
    struct stoppable s = {c, call, work, context, weight};
    wh__pool_run(c->session->pool, count, work_unless_stopped, &s);
    return !wh__cook_stopped(c);
}

static bool host_parallel_for(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    const wh__service *s = (const void *)h;
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    const bool ok = run_parallel(s->cook, s->call, count, 0, work, context);
    if (t)
        wh__guard_enter(t, was);
    return ok;
}

static void host_fail(const wh_host *h, const char *reason)
{
    const wh__service *s = (const void *)h;
    char text[512]; /* read while a bad pointer is still the kernel's fault */
    snprintf(text, sizeof text, "%.500s", reason);
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    wh__cook_fail(s->cook, WH_ERR_KERNEL, s->call->at, s->call->kernel->id, text);
    if (t)
        wh__guard_enter(t, was);
}

static void tell(const wh_host *h, wh_event_kind kind, const char *text)
{
    const wh__service *s = (const void *)h;
    char line[1200];
    snprintf(line, sizeof line, "%s: %s: %.600s", s->call->at, s->call->kernel->id, text);
    wh__thread *t = wh__thread_self();
    const int was = t ? wh__guard_leave(t) : 0;
    wh__tell(s->cook->session, kind, line);
    if (t)
        wh__guard_enter(t, was);
}

static void host_warn(const wh_host *h, const char *text)
{
    tell(h, WH_EV_LOG, text);
}

static void host_note(const wh_host *h, const char *text)
{
    tell(h, WH_EV_NOTE, text);
}

wh__service wh__service_for(wh__cook *c, const wh__call *call)
{
    return (wh__service){.host = {.size = sizeof(wh_host),
                                  .alloc = host_alloc,
                                  .free = host_free,
                                  .parallel_for = host_parallel_for,
                                  .fail = host_fail,
                                  .warn = host_warn,
                                  .note = host_note},
                         .cook = c,
                         .call = call};
}

/* ---- begin and end ---- */

void wh__apply_patch(unsigned char *value, const wh__patch *p, const double from[4])
{
    unsigned char *to = value + p->to;
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
    if (p->patch_count == 0)
        return WH_OK;
    double(*of_time)[4] = p->function_count ? malloc(p->function_count * sizeof *of_time) : NULL;
    if (p->function_count && !of_time)
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    wh_status status = wh__plan_functions(c->plan, c->time, of_time);
    for (uint32_t i = 0; status == WH_OK && i < p->patch_count; i++) {
        double held[4];
        const wh__patch *patch = &p->patch[i];
        wh__apply_patch(c->value, patch,
                        patch->function ? of_time[patch->index]
                                        : wh__setting_of(p, patch->index, c->settings, c->view, held));
    }
    free(of_time);
    return status;
}

/* Values, what is ready, times and stages, in the memory of the thread or in some of their own. */
static bool make_room(wh__cook *c)
{
    const size_t calls = c->plan->call_count + 1;
    const size_t value = ((size_t)c->plan->value_size + 127) & ~(size_t)63, ready = calls * sizeof *c->ready;
    const size_t times = calls * sizeof *c->nanoseconds, size = value + ready + times + calls * sizeof *c->stage;
    unsigned char *to = c->thread->memory;
    if (size > WH_THREAD_MEMORY)
        to = c->room = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!to)
        return false;
    c->value = to;
    c->ready = (wh__ready *)(void *)(to + value);
    c->nanoseconds = (atomic_ullong *)(void *)(to + value + ready);
    if (c->plan->value_size)
        memcpy(c->value, c->plan->value, c->plan->value_size);
    c->stage = (wh__stage *)(void *)(to + value + ready + times);
    for (uint32_t i = 0; i < c->plan->call_count; i++) {
        memset(&c->ready[i], 0, offsetof(wh__ready, attribute));
        atomic_init(&c->nanoseconds[i], 0);
    }
    return true;
}

/* Member by member: most cooks need few of them, and clearing the rest would cost more than a small cook does. */
static void clear(wh__cook *c, wh_session *s, const wh_view *view, double seconds)
{
    c->session = s;
    c->scene = NULL;
    c->plan = NULL;
    c->time = seconds;
    c->room = NULL;
    c->value = NULL;
    c->ready = NULL;
    c->holds = false;
    c->stage_count = 0;
    c->view = view;
    c->packed = NULL;
    memset(&c->shape, 0, sizeof c->shape);
    atomic_init(&c->status, WH_OK);
    c->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    c->reason = NULL;
    c->crashed = NULL;
    c->announced = 0;
    atomic_init(&c->done, 0);
    c->cancels = atomic_load_explicit(&s->cancels, memory_order_relaxed);
    c->thread = wh__thread_self();
}

static wh_status prepare_cook(wh__cook *c)
{
    c->timed = c->view->point_count > WH_BLOCK || c->thread->cooks++ % UNTIMED == 0;
    if (!make_room(c))
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    return bring_to_now(c);
}

static void drop_states(wh__cook *c)
{
    for (uint32_t i = 0; c->holds && i < c->plan->call_count; i++)
        if (c->ready[i].held)
            wh__state_drop(c->plan->call[i]->kernel, c->ready[i].held);
}

static wh_status end_cook(wh__cook *c)
{
    const wh_status status = (wh_status)atomic_load(&c->status);
    drop_states(c);
    if (c->announced) {
        atomic_fetch_sub(&c->session->work_done, atomic_load(&c->done));
        atomic_fetch_sub(&c->session->work_total, c->announced);
    }
    if (c->packed)
        free(c->packed);
    if (c->room)
        free(c->room);
    if (atomic_load_explicit(&c->session->cancels, memory_order_relaxed) != c->cancels)
        return wh__fail(WH_ERR_CANCELLED, "cancelled");
    if (status == WH_OK) {
        if (c->view->point_count && atomic_load_explicit(&c->session->wants_input, memory_order_relaxed) &&
            atomic_exchange(&c->session->wants_input, false))
            wh__inputs_take(&c->session->inputs, c->view, c->time);
        return WH_OK;
    }
    return wh__fail(status, "%s", c->reason ? c->reason : "out of memory");
}

static wh_status run_pinned(wh__cook *c, const wh__work *w)
{
    if (w->again && w->again(c, w->context))
        return end_cook(c);
    wh_status status = prepare_cook(c);
    if (status != WH_OK) {
        free(c->room);
        return status;
    }
    w->all(c, w->context);
    return end_cook(c);
}

/* One cook of the published plan. *again: a kernel crashed, and something else is published now. */
static wh_status run_once(wh__cook *c, const wh__work *w, bool *again)
{
    wh_session *s = c->session;
    wh_status status;
    c->scene = wh__pin_pointer(c->thread, &s->scene);
    if (!c->scene || !c->scene->plan) {
        status = wh__fail(WH_ERR_CONFIG, "there is no pipeline to run: none was loaded without a mistake");
    } else if (c->scene->failure) {
        status = wh__fail(c->scene->status, "%s", c->scene->failure);
    } else {
        c->plan = c->scene->plan;
        c->settings = c->scene->settings;
        status = run_pinned(c, w);
        const bool mended = c->crashed && wh__scene_recover(s, c->crashed->kernel, c->crashed->at, &c->fault);
        *again = mended && status == WH_ERR_KERNEL;
    }
    wh__unpin_pointer(c->thread);
    if (c->reason)
        free(c->reason);
    return status;
}

static const wh_view no_view = {.size = sizeof no_view};

wh_status wh__cook_run(const wh_session *s, const wh_view *view, double seconds, const wh__work *work)
{
    wh_status status = WH_OK;
    bool again = true;
    if (!isfinite(seconds))
        return wh__fail(WH_ERR_ARGUMENT, "the time is not a number of seconds");
    for (int turn = 0; again && turn < MOST_TURNS; turn++) {
        wh__cook c;
        again = false;
        clear(&c, (wh_session *)s, view ? view : &no_view, seconds);
        if (!c.thread)
            return wh__fail(WH_ERR_MEMORY, "out of memory");
        status = run_once(&c, work, &again);
    }
    return status;
}

wh_status wh__cook_plan(wh_session *s, wh__plan *plan, const wh_view *view, double seconds,
                        void (*work)(wh__cook *c, void *context), void *context)
{
    wh__cook c;
    const wh__scene *scene = wh__scene_of(s);
    clear(&c, s, view ? view : &no_view, seconds);
    if (!c.thread)
        return wh__fail(WH_ERR_MEMORY, "out of memory");
    c.plan = plan;
    c.settings = scene->settings;
    const wh_status status = run_pinned(&c, &(wh__work){.all = work, .context = context});
    free(c.reason);
    if (c.crashed)
        wh__scene_recover(s, c.crashed->kernel, c.crashed->at, &c.fault);
    return status;
}

/* ---- failing ---- */

bool wh__cook_call(wh__cook *c, const wh__call *call, void (*function)(void *context), void *context)
{
    if (!c->session->guarded) {
        function(context);
        return true;
    }
    const wh__module *m = call->kernel->module;
    wh__thread *t = wh__thread_self();
    wh__fault fault;
    if (!t) {
        wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
        return false;
    }
    const wh__guarded_code code = {m->begin, m->end, time_limit(c)};
    if (wh__guarded(t, &code, function, context, &fault))
        return true;
    note_crash(c, call, &fault);
    return false;
}

wh__arrays *wh__cook_no_arrays(wh__cook *c)
{
    wh__cook_fail(c, WH_ERR_MEMORY, "", "", "out of memory");
    return NULL;
}

bool wh__cook_parallel(wh__cook *c, uint32_t count, uint64_t weight, const char *kernel,
                       void (*work)(void *context, uint32_t i), void *context)
{
    if (c->announced)
        atomic_store_explicit(&c->session->at_work, kernel, memory_order_relaxed);
    if (count != 1)
        return run_parallel(c, NULL, count, weight, work, context);
    run_region(c, work, context, 0);
    if (c->announced)
        wh__cook_advance(c, weight);
    return !wh__cook_stopped(c);
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
    for (uint32_t i = 0; i < v->setting_count; i++)
        if (!v->setting || !v->setting[i].id)
            return wh__fail(WH_ERR_ARGUMENT, "setting %u has no id", i);
    return WH_OK;
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
    c->shape.checked = c->shape.checked || check_triangles(c, c->view);
    return c->shape.checked && wh__cook_outline(c);
}

bool wh__cook_outline(wh__cook *c)
{
    const wh_view *v = c->view;
    if (c->shape.geometry.size)
        return true;
    if (!pack(c, v))
        return false;
    c->shape.geometry.size = sizeof(wh_geometry);
    c->shape.geometry.point_count = v->point_count;
    c->shape.geometry.triangle_count = v->triangle ? v->triangle_count : 0;
    c->shape.geometry.triangle = v->triangle;
    c->shape.host_topology = v->topology;
    c->shape.host_moves = v->moves;
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
    const uint32_t count = s->geometry.point_count;
    if (s->positions == 0)
        s->positions = 1 | (s->host_moves ? wh__hash(&s->host_moves, sizeof s->host_moves, count)
                                          : wh__hash(s->geometry.position, (size_t)count * 12, 1));
    return s->positions;
}

typedef struct {
    wh__cook *cook;
    const wh__call *call;
    const wh_host *host;
    const wh_geometry *mesh;
    void *result;
    bool ok;
} preparing;

static void call_prepare(void *context)
{
    preparing *p = context;
    p->result = p->call->kernel->desc.prepare(p->host, p->mesh, wh__params(p->cook, p->call));
}

/* Indices are looked at here, not in every cook: what was prepared before was prepared for these triangles. */
static void *guarded_prepare(void *context)
{
    preparing *p = context;
    return wh__cook_shape(p->cook) && wh__cook_call(p->cook, p->call, call_prepare, p) ? p->result : NULL;
}

static void call_migrate(void *context)
{
    preparing *p = context;
    p->ok = p->call->kernel->desc.migrate(p->host, p->mesh, wh__params(p->cook, p->call), p->result);
}

static bool guarded_migrate(void *context, void *state)
{
    preparing *p = context;
    p->result = state;
    return wh__cook_shape(p->cook) && wh__cook_call(p->cook, p->call, call_migrate, p) && p->ok;
}

static bool prepare(wh__cook *c, const wh__call *call, wh__ready *r, wh__shape *shape)
{
    const wh_kernel *d = &call->kernel->desc;
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
    preparing p = {.cook = c, .call = call, .host = &service.host, .mesh = &given};
    const wh__state_request request = {
        .key = key, .host = &service.host, .context = &p, .prepare = guarded_prepare, .migrate = guarded_migrate};
    r->held = wh__state_get(call->kernel, &request);
    c->holds = true;
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
    if (call->kernel->desc.prepare && !(wh__cook_outline(c) && prepare(c, call, r, shape)))
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

/* ---- the same again ---- */

/* Settings may be others at the same place. */
static bool says_what_it_is(const wh_view *v)
{
    return v->moves && (v->topology || v->triangle_count == 0) && !v->setting_count;
}

void wh__again_keep(wh__cook *c, const wh__named_field *f, const wh__call *call, wh__state *held)
{
    wh__again *a = c->thread->again;
    const size_t size = call->kernel->desc.param_size;
    a->scene = 0;
    if (!c->scene || c->plan->function_count || !says_what_it_is(c->view) || size > sizeof a->params)
        return;
    a->given_up = atomic_load(&call->kernel->states->given_up);
    a->view = *c->view;
    a->field = f;
    a->call = call;
    a->state = held;
    a->data = held ? held->data : NULL;
    a->param_size = size;
    memcpy(a->params, wh__params(c, call), size);
    a->scene = c->scene->number;
}

const wh__again *wh__again_begin(wh__cook *c, const char *name)
{
    const wh__again *a = c->thread->again;
    if (a->scene != c->scene->number || memcmp(&a->view, c->view, sizeof a->view) != 0 ||
        strcmp(a->field->name, name) != 0)
        return NULL;
    return !a->state || wh__state_borrow(c->thread, a->call->kernel, a->state, a->given_up) ? a : NULL;
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

typedef struct {
    void (*run)(const wh_block *b);
    const wh_block *block;
} block_run;

static void call_run(void *context)
{
    const block_run *r = context;
    r->run(r->block);
}

static void call_kernel(wh__cook *c, const wh__runner *r, wh__arrays *a)
{
    if (a->thread->region > 0)
        wh__run_open(r, a);
    else if (a->thread->region == 0)
        r->run(&a->block);
    else
        wh__cook_call(c, r->call, call_run, &(block_run){r->run, &a->block});
}

/* With what its kernel asked for; the next one may not have asked. */
static void call_with_inputs(wh__cook *c, const wh__runner *r, wh__arrays *a)
{
    const float *attribute[WH_MOST_ATTRIBUTES];
    for (uint32_t i = 0; i < r->call->attribute_count; i++)
        attribute[i] = attribute_values(r->ready->attribute[i], a, a->attribute[i]);
    wh_block *b = &a->block;
    b->attribute = attribute;
    if (a->has_normals && r->call->kernel->desc.needs & WH_NEEDS_NORMALS)
        b->nx = a->nx, b->ny = a->ny, b->nz = a->nz;
    call_kernel(c, r, a);
    b->nx = b->ny = b->nz = NULL;
    b->attribute = NULL;
}

void wh__run_otherwise(wh__cook *c, const wh__runner *r, wh__arrays *a)
{
    if (r->plain)
        call_kernel(c, r, a);
    else
        call_with_inputs(c, r, a);
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
            wh__runner r;
            wh__runner_make(c, o->call, &r);
            wh__run_block(c, &r, a, a->weight[depth++]);
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
