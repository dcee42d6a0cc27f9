/* answers.c - whether the winding engine ever takes a point for inside that is outside, or the other way round.
 * Usage: answers MESH RANDOM NEAR LATTICE [JUDGED]. For the mesh, and for it with 5 % of its triangles deleted, with 5
 * % flipped, cut in half, doubled, and as a jittered soup: RANDOM points in the box, NEAR points within 1 % of the
 * diagonal of the surface, and LATTICE^3 points, whole rows as sample.inside takes them and one by one. The judge is
 * the exact tree, which winding_spec.lua holds to a plain sum; of a soup, where that is slow, JUDGED points of each
 * kind are judged (default 2000). Prints a line for each mesh and kind; the exit status is 0 when nothing is wrong.
 * Compiled together with kernels/winding. */
#include "engine.h"
#include "whorl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a host that does all by itself */

static void *get(const wh_host *h, size_t bytes)
{
    (void)h;
    return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

static void put_back(const wh_host *h, void *p)
{
    (void)h;
    free(p);
}

static bool one_by_one(const wh_host *h, uint32_t count, void (*work)(void *, uint32_t), void *context)
{
    (void)h;
    for (uint32_t i = 0; i < count; i++)
        work(context, i);
    return true;
}

static void say(const wh_host *h, const char *text)
{
    (void)h;
    fprintf(stderr, "answers: %s\n", text);
}

static void hush(const wh_host *h, const char *text)
{
    (void)h;
    (void)text;
}

static const wh_host host = {.size = sizeof host,
                             .alloc = get,
                             .free = put_back,
                             .parallel_for = one_by_one,
                             .fail = say,
                             .warn = say,
                             .note = hush};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "answers: %s\n", what);
    exit(2);
}

static void *room(size_t count, size_t item)
{
    void *p = calloc(count + 1, item);
    if (!p)
        die("out of memory");
    return p;
}

/* ---- meshes */

static uint64_t seed = 12345;

static double draw(void) /* 0 .. 1, xorshift */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

typedef struct {
    wh_geometry shape;
    float *position;
    uint32_t *triangle;
    float low[3], high[3];
    double diagonal;
} mesh;

static void set_shape(mesh *m, uint32_t points, uint32_t triangles)
{
    double sum = 0;
    m->shape = (wh_geometry){.size = sizeof m->shape,
                             .point_count = points,
                             .triangle_count = triangles,
                             .position = m->position,
                             .triangle = m->triangle};
    for (size_t k = 0; k < 3; k++) {
        m->low[k] = INFINITY, m->high[k] = -INFINITY;
        for (size_t i = 0; i < 3 * (size_t)triangles; i++) {
            const float v = m->position[3 * (size_t)m->triangle[i] + k];
            m->low[k] = fminf(m->low[k], v), m->high[k] = fmaxf(m->high[k], v);
        }
        sum += pow((double)m->high[k] - m->low[k], 2);
    }
    m->diagonal = sqrt(sum);
}

static mesh read_mesh(const char *path)
{
    wh_mesh *file;
    wh_view v = {.size = sizeof v};
    if (wh_mesh_read(path, &file) != WH_OK || wh_mesh_view(file, &v) != WH_OK)
        die(wh_last_error());
    mesh m = {.position = room((size_t)v.point_count * 3, 4), .triangle = room((size_t)v.triangle_count * 3, 4)};
    memcpy(m.position, v.position, (size_t)v.point_count * 12);
    memcpy(m.triangle, v.triangle, (size_t)v.triangle_count * 12);
    set_shape(&m, v.point_count, v.triangle_count);
    wh_mesh_free(file);
    return m;
}

static mesh copy_mesh(const mesh *from, uint32_t times)
{
    const size_t points = from->shape.point_count, triangles = from->shape.triangle_count;
    mesh m = {.position = room(points * 3 * times, 4), .triangle = room(triangles * 3 * times, 4)};
    memcpy(m.position, from->position, points * 12);
    for (uint32_t i = 0; i < times; i++)
        memcpy(m.triangle + i * triangles * 3, from->triangle, triangles * 12);
    set_shape(&m, (uint32_t)points, (uint32_t)triangles * times);
    return m;
}

static void keep_if(mesh *m, bool (*wanted)(const mesh *m, const uint32_t *t))
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->shape.triangle_count; i++) {
        const uint32_t *t = m->triangle + 3 * (size_t)i;
        if (wanted(m, t))
            memmove(m->triangle + 3 * (size_t)kept++, t, 12);
    }
    set_shape(m, m->shape.point_count, kept);
}

static bool is_lucky(const mesh *m, const uint32_t *t)
{
    (void)m, (void)t;
    return draw() >= 0.05;
}

static bool is_left(const mesh *m, const uint32_t *t)
{
    const float middle = 0.5f * (m->low[0] + m->high[0]);
    return m->position[3 * (size_t)t[0]] < middle;
}

static mesh whole(const mesh *m)
{
    return copy_mesh(m, 1);
}

static mesh deleted(const mesh *m)
{
    mesh out = copy_mesh(m, 1);
    keep_if(&out, is_lucky);
    return out;
}

static mesh flipped(const mesh *m)
{
    mesh out = copy_mesh(m, 1);
    for (uint32_t i = 0; i < m->shape.triangle_count; i++) {
        uint32_t *t = out.triangle + 3 * (size_t)i, first = t[0];
        if (draw() < 0.05)
            t[0] = t[1], t[1] = first;
    }
    return out;
}

static mesh half(const mesh *m)
{
    mesh out = copy_mesh(m, 1);
    keep_if(&out, is_left);
    return out;
}

static mesh doubled(const mesh *m)
{
    return copy_mesh(m, 2);
}

static mesh soup(const mesh *m)
{
    const uint32_t corners = 3 * m->shape.triangle_count;
    mesh out = {.position = room((size_t)corners * 3, 4), .triangle = room(corners, 4)};
    for (uint32_t i = 0; i < corners; i++) {
        out.triangle[i] = i;
        for (size_t k = 0; k < 3; k++)
            out.position[3 * (size_t)i + k] =
                (float)(m->position[3 * (size_t)m->triangle[i] + k] + (draw() - 0.5) * 0.001 * m->diagonal);
    }
    set_shape(&out, corners, m->shape.triangle_count);
    return out;
}

/* ---- points */

typedef struct {
    uint32_t count;
    float *x, *y, *z;
} cloud;

static cloud new_cloud(size_t count)
{
    return (cloud){(uint32_t)count, room(count, 4), room(count, 4), room(count, 4)};
}

static cloud random_points(const mesh *m, uint32_t count)
{
    cloud c = new_cloud(count);
    for (uint32_t i = 0; i < count; i++) {
        float *to[3] = {c.x + i, c.y + i, c.z + i};
        for (int k = 0; k < 3; k++)
            *to[k] = (float)(m->low[k] + draw() * ((double)m->high[k] - m->low[k]));
    }
    return c;
}

static cloud near_points(const mesh *m, uint32_t count)
{
    cloud c = new_cloud(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *t = m->triangle + 3 * (size_t)(draw() * m->shape.triangle_count);
        const double r = sqrt(draw()), s = draw(), w[3] = {1 - r, r * (1 - s), r * s};
        float *to[3] = {c.x + i, c.y + i, c.z + i};
        for (size_t k = 0; k < 3; k++) {
            double on = 0;
            for (size_t a = 0; a < 3; a++)
                on += w[a] * m->position[3 * (size_t)t[a] + k];
            *to[k] = (float)(on + (2 * draw() - 1) * 0.01 * m->diagonal / sqrt(3));
        }
    }
    return c;
}

static cloud lattice_points(const mesh *m, uint32_t n)
{
    cloud c = new_cloud((size_t)n * n * n);
    for (uint32_t i = 0; i < c.count; i++) {
        const uint32_t at[3] = {i % n, i / n % n, i / n / n};
        float *to[3] = {c.x + i, c.y + i, c.z + i};
        for (int k = 0; k < 3; k++)
            *to[k] = (float)(m->low[k] + ((double)m->high[k] - m->low[k]) * at[k] / (n - 1));
    }
    return c;
}

/* ---- answers */

static uint32_t judged = 2000;

/* Of a closed mesh or one with holes the exact tree is fast: all are judged. */
static uint32_t step_of(const wh_engine *e, const cloud *c)
{
    return e->surface || c->count <= judged ? 1 : c->count / judged;
}

static uint32_t count_wrong(const mesh *m, const wh_engine *e, const wh_tree *tree, const cloud *c, uint32_t *tried)
{
    float *value = room(c->count, sizeof *value);
    uint8_t *inside = room(c->count, 1);
    const uint32_t step = step_of(e, c);
    cloud some = new_cloud(c->count / step + 1);
    uint32_t wrong = 0, n = 0;
    if (!wh__engine_inside(e, &host, &m->shape, 0.5f, c->count, c->x, c->y, c->z, NULL, value, inside))
        die("the engine failed");
    for (uint32_t i = 0; i < c->count; i += step, n++)
        some.x[n] = c->x[i], some.y[n] = c->y[i], some.z[n] = c->z[i];
    double *truth = room(n, sizeof *truth);
    uint64_t *scratch = room(2 * (size_t)n, sizeof *scratch);
    wh__tree_winding_batch(tree, n, some.x, some.y, some.z, truth, scratch);
    for (uint32_t i = 0; i < n; i++)
        wrong += inside[i * step] != ((float)truth[i] >= 0.5f);
    *tried = n;
    free(value), free(inside), free(truth), free(scratch), free(some.x), free(some.y), free(some.z);
    return wrong;
}

/* Whole numbers of rows against the exact tree; those that are open are another's to decide. */
static uint32_t count_wrong_rows(const mesh *m, const wh_engine *e, const wh_tree *tree, const cloud *c, uint32_t n,
                                 uint32_t *tried)
{
    float *axis[3] = {room(n, 4), room(n, 4), room(n, 4)};
    int16_t *whole_number = room(c->count, sizeof *whole_number);
    double *truth = room(c->count, sizeof *truth);
    uint64_t *scratch = room(2 * (size_t)c->count, sizeof *scratch), open;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n; i++)
        axis[0][i] = c->x[i], axis[1][i] = c->y[i * n], axis[2][i] = c->z[(size_t)i * n * n];
    const wh_slab slab = {axis[0], axis[1], axis[2], n, n, n, n, (size_t)n * n};
    (void)m;
    if (!wh__lattice_rows(&host, e->surface, &slab, whole_number, &open))
        die("rows failed");
    wh__tree_winding_batch(tree, c->count, c->x, c->y, c->z, truth, scratch);
    for (uint32_t i = 0; i < c->count; i++)
        wrong += whole_number[i] != WH_LATTICE_OPEN && whole_number[i] != truth[i];
    *tried = c->count - (uint32_t)open;
    for (int k = 0; k < 3; k++)
        free(axis[k]);
    free(whole_number), free(truth), free(scratch);
    return wrong;
}

static uint32_t report(const char *name, const char *kind, uint32_t wrong, uint32_t tried)
{
    printf("%s, %s: %u wrong of %u\n", name, kind, wrong, tried);
    fflush(stdout);
    return wrong;
}

static uint32_t try_mesh(const char *name, mesh m, const uint32_t count[3])
{
    wh_engine *e = wh__engine_build(&host, &m.shape);
    wh_tree *tree = wh__tree_build(&host, &m.shape);
    uint32_t wrong = 0, tried;
    if (!e || !tree)
        die("it was not built");
    for (int k = 0; k < 3; k++) {
        static const char *const kinds[] = {"random", "near", "lattice"};
        if (!count[k])
            continue;
        cloud c = k == 0   ? random_points(&m, count[0])
                  : k == 1 ? near_points(&m, count[1])
                           : lattice_points(&m, count[2]);
        const uint32_t bad = count_wrong(&m, e, tree, &c, &tried);
        wrong += report(name, kinds[k], bad, tried);
        if (k == 2 && e->surface && !e->caps) {
            const uint32_t bad_rows = count_wrong_rows(&m, e, tree, &c, count[2], &tried);
            wrong += report(name, "rows", bad_rows, tried);
        }
        free(c.x), free(c.y), free(c.z);
    }
    wh__engine_free(&host, e);
    wh__tree_free(&host, tree);
    free(m.position), free(m.triangle);
    return wrong;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6)
        return 2;
    const mesh m = read_mesh(argv[1]);
    const uint32_t count[3] = {(uint32_t)atol(argv[2]), (uint32_t)atol(argv[3]), (uint32_t)atol(argv[4])};
    uint32_t wrong = 0;
    if (argc == 6)
        judged = (uint32_t)atol(argv[5]);
    wrong += try_mesh("as it is", whole(&m), count);
    wrong += try_mesh("5 % deleted", deleted(&m), count);
    wrong += try_mesh("5 % flipped", flipped(&m), count);
    wrong += try_mesh("cut in half", half(&m), count);
    wrong += try_mesh("doubled", doubled(&m), count);
    wrong += try_mesh("a soup", soup(&m), count);
    return wrong > 0;
}
