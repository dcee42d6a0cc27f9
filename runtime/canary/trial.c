/* trial.c - runs kernels as cook.c and sample.c do, on made-up input and on a real mesh, and looks at what they wrote.
 */
#define _GNU_SOURCE
#include "helper.h"
#include <stdlib.h>
#include <string.h>

#define SYMBOL_PREFIX "wh_kernel_"
#define MOST_ATTRIBUTES 4
#define MOST_POINTS (16u << 20) /* of a mesh that a kernel makes */
#define MOST_CANDIDATES 4096    /* in one call of a sampler */
#define MOST_BLOCK (1u << 20)   /* that a sampler may plan */
#define ORDINARY 1e15f          /* beyond it a kernel may overflow */
#define UNWRITTEN 0x7fa7a7a7u   /* a NaN that no arithmetic gives */

typedef struct {
    wh_kernel desc;
    wh_kind kind;
    char id[80];
    const void *params;
    uint32_t attribute_count;
    void *state;
} kernel;

/* ---- words ---- */

static void stage(const kernel *k, const char *before, const char *what)
{
    char when[160];
    snprintf(when, sizeof when, "%s%s", before, what);
    wh__now_at(k->id, when);
}

static void name_kernel(kernel *k, const char *symbol)
{
    static const char *const kinds[] = {"deform_", "field_", "sample_", "mesh_"};
    const char *name = symbol + (strncmp(symbol, SYMBOL_PREFIX, 10) == 0 ? 10 : 0);
    snprintf(k->id, sizeof k->id, "%s", name);
    for (int i = 0; i < 4; i++)
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            k->kind = (wh_kind)(i + 1);
    char *line = strchr(k->id, '_');
    if (line)
        *line = '.';
}

/* The descriptor may be of an older whorl, and smaller. */
static void read_descriptor(kernel *k, const wh_kernel *d)
{
    const uint32_t size = d->size < sizeof k->desc ? d->size : (uint32_t)sizeof k->desc;
    memset(&k->desc, 0, sizeof k->desc);
    memcpy(&k->desc, d, size);
}

/* ---- what came out ---- */

static bool is_ordinary(const float *p)
{
    return fabsf(p[0]) < ORDINARY && fabsf(p[1]) < ORDINARY && fabsf(p[2]) < ORDINARY; /* false for a NaN */
}

static bool all_ordinary(const wh_geometry *g)
{
    for (size_t i = 0; i < g->point_count; i++)
        if (!is_ordinary(g->position + i * 3))
            return false;
    return true;
}

static bool is_unwritten(float f)
{
    return memcmp(&f, &(uint32_t){UNWRITTEN}, sizeof f) == 0;
}

static void fill_unwritten(void *p, size_t words)
{
    uint32_t *to = p;
    for (size_t i = 0; i < words; i++)
        to[i] = UNWRITTEN;
}

static const char *what_is(float f)
{
    return f != f ? "not a number" : "infinite";
}

/* ---- a call's arrays: one block, each array between guards ---- */

enum { X, Y, Z, VALUE, NX, NY, NZ, ATTRIBUTE, ARRAYS = ATTRIBUTE + MOST_ATTRIBUTES };
static wh__guarded_array *block_array[ARRAYS];

static bool make_arrays(void)
{
    static const char *const names[ARRAYS] = {
        "x", "y", "z", "value", "nx", "ny", "nz", "attribute[0]", "attribute[1]", "attribute[2]", "attribute[3]"};
    for (int i = 0; i < ARRAYS; i++)
        if (!block_array[i] && !(block_array[i] = wh__array_new(names[i], WH_BLOCK * sizeof(float), 64)))
            return false;
    return true;
}

static float *place(int which, uint32_t count)
{
    wh__guarded_array *a = block_array[which];
    wh__array_fix(a, false);
    wh__array_place(a, count * sizeof(float));
    return (float *)(void *)a->begin;
}

static void scatter(const float *xyz, uint32_t count, float *x, float *y, float *z)
{
    for (uint32_t i = 0; i < count; i++)
        x[i] = xyz[i * 3], y[i] = xyz[i * 3 + 1], z[i] = xyz[i * 3 + 2];
}

static void place_attributes(const kernel *k, uint64_t first, uint32_t count, const float **out)
{
    for (uint32_t a = 0; a < k->attribute_count; a++) {
        float *to = place(ATTRIBUTE + (int)a, count);
        for (uint32_t i = 0; i < count; i++)
            to[i] = (float)((first + i + a * 7) % 101) / 100.0f;
        wh__array_fix(block_array[ATTRIBUTE + a], true);
        out[a] = to;
    }
}

static void place_normals(const wh__input *in, uint64_t first, wh_block *b)
{
    float *nx = place(NX, b->count), *ny = place(NY, b->count), *nz = place(NZ, b->count);
    scatter(in->normal + first * 3, b->count, nx, ny, nz);
    for (int i = NX; i <= NZ; i++)
        wh__array_fix(block_array[i], true);
    b->nx = nx, b->ny = ny, b->nz = nz;
}

static void check_block(const kernel *k, const wh__input *in, const wh_block *b)
{
    const float *const out[4] = {b->x, b->y, b->z, b->value};
    for (int i = X; i <= VALUE; i++)
        if (out[i])
            wh__array_check(block_array[i]);
    for (uint32_t i = 0; i < b->count; i++) {
        const unsigned long long index = b->first + i;
        if (b->value && is_unwritten(b->value[i]))
            wh__reject("it left point %llu of %s unwritten", index, in->name);
        if (!in->ordinary || !is_ordinary(in->shape.position + index * 3))
            continue;
        for (int a = k->kind == WH_FIELD ? VALUE : X; a <= (k->kind == WH_FIELD ? VALUE : Z); a++)
            if (!isfinite(out[a][i]))
                wh__reject("%s of point %llu of %s is %s", block_array[a]->name, index, in->name, what_is(out[a][i]));
    }
}

static void run_block(const kernel *k, const wh__input *in, uint32_t first)
{
    const uint32_t left = in->shape.point_count - first, count = left < WH_BLOCK ? left : WH_BLOCK;
    const float *attribute[MOST_ATTRIBUTES];
    wh_block b = {.size = sizeof b,
                  .count = count,
                  .first = first,
                  .x = place(X, count),
                  .y = place(Y, count),
                  .z = place(Z, count),
                  .attribute = attribute,
                  .params = k->params,
                  .state = k->state,
                  .time = in->time};
    scatter(in->shape.position + (size_t)first * 3, count, b.x, b.y, b.z);
    place_attributes(k, first, count, attribute);
    if (k->kind == WH_FIELD) {
        fill_unwritten(b.value = place(VALUE, count), count);
        for (int i = X; i <= Z; i++)
            wh__array_fix(block_array[i], true);
    }
    if (k->desc.needs & WH_NEEDS_NORMALS && in->normal)
        place_normals(in, first, &b);
    const wh_block given = b; /* the kernel may only read it */
    k->desc.run(&given);
    check_block(k, in, &b);
}

static void run_blocks(const kernel *k, wh__input *in)
{
    if (k->desc.needs & WH_NEEDS_NORMALS)
        wh__make_normals(in);
    uint32_t first = 0;
    do {
        run_block(k, in, first);
        first += WH_BLOCK;
    } while (first < in->shape.point_count && !wh__fault_half_over());
}

/* ---- deform() ---- */

static void check_position(const wh__input *in, const float *position)
{
    const bool finite = in->ordinary && all_ordinary(&in->shape);
    for (size_t i = 0; i < (size_t)in->shape.point_count * 3; i++) {
        if (is_unwritten(position[i]))
            wh__reject("it left point %zu of %s unwritten", i / 3, in->name);
        if (finite && !isfinite(position[i]))
            wh__reject("%c of point %zu of %s is %s", "xyz"[i % 3], i / 3, in->name, what_is(position[i]));
    }
}

static void run_deform(const kernel *k, const wh__input *in)
{
    const size_t count = (size_t)in->shape.point_count * 3;
    wh__guarded_array *a = wh__array_new("position", count * sizeof(float), 4);
    if (!a)
        return;
    float *position = (float *)(void *)a->begin;
    fill_unwritten(position, count);
    const wh_deform_job job = {.size = sizeof job,
                               .host = &wh__trial_host,
                               .mesh = &in->shape,
                               .position = position,
                               .params = k->params,
                               .state = k->state,
                               .time = in->time};
    k->desc.deform(&job);
    wh__array_check(a);
    if (!wh__trial_refused)
        check_position(in, position);
    wh__array_free(a);
}

/* ---- field() ---- */

static void check_values(const wh__input *in, const float *value)
{
    for (uint32_t i = 0; i < in->shape.point_count; i++) {
        if (is_unwritten(value[i]))
            wh__reject("it left point %u of %s unwritten", i, in->name);
        if (in->ordinary && is_ordinary(in->shape.position + (size_t)i * 3) && !isfinite(value[i]))
            wh__reject("value of point %u of %s is %s", i, in->name, what_is(value[i]));
    }
}

static void run_field(const kernel *k, const wh__input *in)
{
    wh__guarded_array *a = wh__array_new("value", in->shape.point_count * sizeof(float), 4);
    if (!a)
        return;
    float *value = (float *)(void *)a->begin;
    fill_unwritten(value, in->shape.point_count);
    const wh_field_job job = {.size = sizeof job,
                              .count = in->shape.point_count,
                              .host = &wh__trial_host,
                              .position = in->shape.position,
                              .value = value,
                              .params = k->params,
                              .state = k->state,
                              .time = in->time};
    k->desc.field(&job);
    wh__array_check(a);
    if (!wh__trial_refused)
        check_values(in, value);
    wh__array_free(a);
}

/* ---- samplers ---- */

enum { SAMPLE_X, SAMPLE_Y, SAMPLE_Z, SAMPLE_VALUE, SAMPLE_ID, SAMPLE_ARRAYS };

static void check_kept(const wh__input *in, wh__guarded_array *const a[], uint32_t kept)
{
    const bool finite = in->ordinary && all_ordinary(&in->shape);
    for (int i = SAMPLE_X; i <= SAMPLE_VALUE; i++) {
        const float *value = (const float *)(const void *)a[i]->begin;
        for (uint32_t p = 0; p < kept; p++) {
            if (is_unwritten(value[p]))
                wh__reject_here("it left %s of kept point %u unwritten", a[i]->name, p);
            if (finite && !isfinite(value[p]))
                wh__reject_here("%s of kept point %u is %s", a[i]->name, p, what_is(value[p]));
        }
    }
}

static void run_sample(const kernel *k, const wh__input *in, wh__guarded_array *const a[], const wh_sample_plan *p,
                       uint64_t first)
{
    const uint64_t left = p->candidates - first, most = p->block < MOST_CANDIDATES ? p->block : MOST_CANDIDATES;
    const uint32_t count = (uint32_t)(left < most ? left : most);
    for (int i = 0; i < SAMPLE_ARRAYS; i++) {
        wh__array_place(a[i], count * (i == SAMPLE_ID ? sizeof(uint64_t) : sizeof(float)));
        fill_unwritten(a[i]->begin, i == SAMPLE_ID ? count * 2 : count);
    }
    const wh_sample_block b = {.size = sizeof b,
                               .count = count,
                               .first = first,
                               .x = (float *)(void *)a[SAMPLE_X]->begin,
                               .y = (float *)(void *)a[SAMPLE_Y]->begin,
                               .z = (float *)(void *)a[SAMPLE_Z]->begin,
                               .value = (float *)(void *)a[SAMPLE_VALUE]->begin,
                               .id = (uint64_t *)(void *)a[SAMPLE_ID]->begin,
                               .host = &wh__trial_host,
                               .mesh = &in->shape,
                               .params = k->params,
                               .state = k->state,
                               .time = in->time,
                               .plan = p};
    const uint32_t kept = k->desc.sample(&b);
    for (int i = 0; i < SAMPLE_ARRAYS; i++)
        wh__array_check(a[i]);
    if (kept > count)
        wh__reject_here("it says that it kept %u of %u candidates", kept, count);
    if (!wh__trial_refused)
        check_kept(in, a, kept);
}

/* The first four blocks and the last. */
static void run_sampler(const kernel *k, const wh__input *in)
{
    static const char *const names[SAMPLE_ARRAYS] = {"x", "y", "z", "value", "id"};
    wh__guarded_array *a[SAMPLE_ARRAYS];
    wh_sample_plan p = {0};
    if (!k->desc.plan || !k->desc.plan(&wh__trial_host, &in->shape, k->params, k->state, &p) || wh__trial_refused)
        return;
    if (p.block < 1 || p.block > MOST_BLOCK)
        wh__reject_here("its plan's block is %u, not 1 .. %u,", p.block, MOST_BLOCK);
    bool room = true;
    for (int i = 0; i < SAMPLE_ARRAYS; i++) {
        a[i] = wh__array_new(names[i], MOST_CANDIDATES * (i == SAMPLE_ID ? sizeof(uint64_t) : sizeof(float)), 64);
        room = room && a[i];
    }
    const uint64_t blocks = p.candidates ? (p.candidates - 1) / p.block + 1 : 0;
    for (uint64_t i = 0; room && i < blocks && !wh__fault_half_over(); i++) {
        if (i >= 4)
            i = blocks - 1;
        run_sample(k, in, a, &p, i * p.block);
    }
    for (int i = 0; i < SAMPLE_ARRAYS; i++)
        wh__array_free(a[i]);
}

/* ---- makers of meshes ---- */

typedef struct {
    wh_make make;
    wh__guarded_array *position, *triangle;
    uint32_t point_count, triangle_count, begun;
} making;

static bool begin(const wh_make *m, uint32_t points, uint32_t triangles, float **position, uint32_t **triangle)
{
    making *k = (making *)(void *)(uintptr_t)m;
    if (k->begun++)
        wh__reject_here("it called begin() more than once");
    if (points > MOST_POINTS || triangles > 2 * MOST_POINTS)
        return false;
    k->position = wh__array_new("position", (size_t)points * 12, 4);
    k->triangle = wh__array_new("triangle", (size_t)triangles * 12, 4);
    if (!k->position || !k->triangle)
        return false;
    fill_unwritten(*position = (float *)(void *)k->position->begin, (size_t)points * 3);
    fill_unwritten(*triangle = (uint32_t *)(void *)k->triangle->begin, (size_t)triangles * 3);
    k->point_count = points;
    k->triangle_count = triangles;
    return true;
}

static void check_made(const making *m)
{
    if (!m->position || !m->triangle)
        wh__reject_here("it did not call begin()");
    const float *position = (const float *)(const void *)m->position->begin;
    const uint32_t *triangle = (const uint32_t *)(const void *)m->triangle->begin;
    for (size_t i = 0; i < (size_t)m->point_count * 3; i++) {
        if (is_unwritten(position[i]))
            wh__reject("it left point %zu of its mesh unwritten", i / 3);
        if (!isfinite(position[i]))
            wh__reject("%c of point %zu of its mesh is %s", "xyz"[i % 3], i / 3, what_is(position[i]));
    }
    for (size_t i = 0; i < (size_t)m->triangle_count * 3; i++) {
        if (triangle[i] == UNWRITTEN)
            wh__reject("it left triangle %zu of its mesh unwritten", i / 3);
        if (triangle[i] >= m->point_count)
            wh__reject("triangle %zu of its mesh uses point %u of %u, counted from 0", i / 3, triangle[i],
                       m->point_count);
    }
}

static void run_make(const kernel *k, double time)
{
    making m = {
        .make = {.size = sizeof m.make, .host = &wh__trial_host, .params = k->params, .time = time, .begin = begin}};
    stage(k, "when it made its mesh", "");
    wh__trial_refused = false;
    const bool made = k->desc.make(&m.make);
    if (m.position)
        wh__array_check(m.position);
    if (m.triangle)
        wh__array_check(m.triangle);
    if (made && !wh__trial_refused)
        check_made(&m);
    wh__array_free(m.position);
    wh__array_free(m.triangle);
    wh__trial_free_all();
    wh__heap_check();
}

/* ---- one kernel ---- */

static bool prepare(kernel *k, const wh__input *in)
{
    wh_geometry given = {.size = sizeof given, .point_count = in->shape.point_count};
    if (k->desc.needs & WH_NEEDS_TRIANGLES) {
        given.triangle = in->shape.triangle;
        given.triangle_count = in->shape.triangle_count;
    }
    if (k->desc.needs & WH_NEEDS_POSITIONS)
        given.position = in->shape.position;
    if (!k->desc.prepare)
        return true;
    stage(k, "in prepare() for ", in->name);
    k->state = k->desc.prepare(&wh__trial_host, &given, k->params);
    return k->state && !wh__trial_refused;
}

static void release(kernel *k, const wh__input *in)
{
    if (!k->state || !k->desc.release)
        return;
    stage(k, "in release() for ", in->name);
    k->desc.release(&wh__trial_host, k->state);
}

static void run_on(kernel *k, wh__input *in)
{
    if (!in->shape.size || wh__fault_half_over())
        return;
    wh__trial_refused = false;
    k->state = NULL;
    if (prepare(k, in)) {
        stage(k, "on ", in->name);
        if (k->kind == WH_SAMPLE)
            run_sampler(k, in);
        else if (k->desc.deform)
            run_deform(k, in);
        else
            run_blocks(k, in);
        if (k->desc.field)
            run_field(k, in);
    }
    release(k, in);
    wh__trial_free_all();
    wh__heap_check();
}

static bool has_entry(const kernel *k)
{
    return k->kind == WH_MESH     ? k->desc.make != NULL
           : k->kind == WH_SAMPLE ? k->desc.sample != NULL
           : k->kind == WH_FIELD  ? k->desc.run != NULL
                                  : k->desc.run || k->desc.deform;
}

static void run_kernel(kernel *k, wh__input *mesh, double time)
{
    const uint32_t shape = WH_NEEDS_NORMALS | WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS;
    const bool looks = k->desc.needs & shape || k->desc.deform || k->kind == WH_SAMPLE;
    if (!has_entry(k))
        wh__reject("it has nothing to run");
    if (k->kind == WH_MESH) {
        run_make(k, time);
        return;
    }
    for (uint32_t i = 0; i < WH_MADE_UP; i++) {
        wh__input in = wh__made_up[i];
        in.time = time;
        if (looks ? in.loose : in.closed)
            continue;
        run_on(k, &in);
        wh__made_up[i].normal = in.normal;
    }
    if (mesh->shape.size)
        run_on(k, mesh);
}

/* ---- one library ---- */

static const char *without_path(const char *text, const char *path)
{
    const size_t length = strlen(path);
    return strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? text + length + 2 : text;
}

static void *open_library(const char *path)
{
    char why[300] = "";
    wh__fault_library(path);
    wh__now_at("", "when it was loaded");
    void *library = wh__library_open(path, why, sizeof why);
    if (!library)
        wh__reject("%s", without_path(why, path));
    return library;
}

static void close_library(void *library)
{
    wh__now_at("", "when it was unloaded");
    wh__library_close(library);
    wh__now_at("", "after it was unloaded");
    wh__heap_use();
}

static void read_text(const char *text)
{
    volatile size_t length = text ? strnlen(text, 65536) : 0;
    (void)length;
}

static void read_kernel(void *context, const char *symbol)
{
    kernel k = {.kind = 0};
    name_kernel(&k, symbol);
    wh__now_at(k.id, "when its descriptor was read");
    const wh_kernel *d = wh__library_symbol(context, symbol);
    if (!d)
        return;
    read_descriptor(&k, d);
    const char *const text[] = {k.desc.name, k.desc.doc, k.desc.params, k.desc.source, k.desc.state};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        read_text(text[i]);
}

void wh__load_only(const char *path)
{
    void *library = open_library(path);
    wh__library_symbols(path, SYMBOL_PREFIX, read_kernel, library);
    close_library(library);
}

/* symbol, sizes, parameters; returns where the next begins. */
static const char *run_call(void *library, const char *item, wh__input *mesh, double time)
{
    wh__wire_call size;
    kernel k = {.kind = 0};
    const char *symbol = item;
    item += strlen(item) + 1;
    memcpy(&size, item, sizeof size);
    item += sizeof size;
    name_kernel(&k, symbol);
    wh__now_at(k.id, "when its descriptor was read");
    const wh_kernel *d = wh__library_symbol(library, symbol);
    if (!d)
        wh__reject("it is not in the library");
    read_descriptor(&k, d);
    wh__guarded_array *params = wh__array_new("params", size.param_size, 16);
    if (params) {
        memcpy(params->begin, item, size.param_size);
        wh__array_fix(params, true);
        k.params = params->begin;
        k.attribute_count = size.attribute_count < MOST_ATTRIBUTES ? size.attribute_count : MOST_ATTRIBUTES;
        run_kernel(&k, mesh, time);
    }
    wh__array_free(params);
    stage(&k, "after it ran", "");
    wh__heap_use();
    return item + size.param_size;
}

void wh__run_trial(const wh__request *r, const char *items, int file)
{
    wh__guarded_array *held[2] = {NULL, NULL};
    wh__input mesh = {.name = "the mesh", .ordinary = true, .time = r->time};
    wh__make_inputs();
    if (!make_arrays())
        return;
    wh__map_mesh(&mesh, r, file, held);
    void *library = open_library(items);
    const char *item = items + strlen(items) + 1;
    for (uint32_t i = 0; i < r->item_count; i++)
        item = run_call(library, item, &mesh, r->time);
    close_library(library);
    free(mesh.normal);
    wh__array_free(held[0]);
    wh__array_free(held[1]);
}
