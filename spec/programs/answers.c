/* answers.c - whether the winding engine ever takes a point for inside that is outside, or the other way round.
 * Usage: answers MESH RANDOM NEAR LATTICE [CHECKED]. For the mesh, and for it with 5 % of its triangles deleted, with 5
 * % flipped, cut in half, doubled, and as a jittered soup: RANDOM points in the box, NEAR points within 1 % of the
 * diagonal of the surface, and LATTICE^3 points, one by one and as whole rows.
 *
 * The reference is sides.h: a tree, moments and solid angles of its own, in double, with a proven bound of the error,
 * refined until the bound is less than what parts the point from a half. It shares no line with kernels/winding, and
 * knows nothing of rays, rows, caps or lattices. Of closed meshes it proves the whole number. The few points that it
 * leaves open, for they lie on the surface or within 1e-7 of a half, are decided by what defines them, the exact tree
 * (tree.h); of each kind CHECKED points (default 1000) are asked of the exact tree too, and have to be what the
 * reference says within its bound.
 *
 * Prints a line for each mesh and kind; the exit status is 0 when nothing is wrong. Compiled together with
 * kernels/winding; runs on all cores. */
#include "engine.h"
#include "lattice.h"
#include "sides.h"
#include "whorl.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_THREADS 64
#define PART 512 /* points that are judged in one job */
#define BLOCK 32 /* points along each side of a block of a lattice that is judged in one job */

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

typedef struct {
    uint32_t count, next;
    void (*work)(void *, uint32_t);
    void *context;
} crew;

static void *labour(void *context)
{
    crew *c = context;
    for (;;) {
        const uint32_t i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);
        if (i >= c->count)
            return NULL;
        c->work(c->context, i);
    }
}

static bool on_all_cores(const wh_host *h, uint32_t count, void (*work)(void *, uint32_t), void *context)
{
    (void)h;
    pthread_t thread[MOST_THREADS];
    crew c = {count, 0, work, context};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int started = 0;
    while (started < MOST_THREADS && started + 1 < cores && started + 1 < (int64_t)count &&
           pthread_create(thread + started, NULL, labour, &c) == 0)
        started++;
    labour(&c);
    while (started > 0)
        pthread_join(thread[--started], NULL);
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
                             .parallel_for = on_all_cores,
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

/* ---- what is right */

typedef struct {
    const mesh *mesh;
    const char *name;
    const wh_engine *engine;
    const wh_tree *tree;
    sides sides;
} trial;

typedef struct {
    const trial *trial;
    const cloud *cloud;
    uint32_t lattice; /* points along a side; 0: the cloud is no lattice */
    uint32_t *order;  /* points near each other after one another */
    int16_t *number;  /* what sides.h says */
    uint8_t *inside;  /* the truth */
    uint32_t *open;   /* points that sides.h leaves open */
    uint32_t open_count;
    uint32_t step; /* of the points that the exact tree is asked about */
    uint32_t off;  /* how many of them are not as sides.h says */
} truth;

static void get_point(const cloud *c, uint32_t i, double q[3])
{
    q[0] = c->x[i], q[1] = c->y[i], q[2] = c->z[i];
}

/* Up to four of them. */
static void judge_points(truth *t, const uint32_t *list, uint32_t count)
{
    sides_blocks b = {.radius = 0};
    int16_t side[4];
    for (uint32_t i = 0; i < 4; i++) {
        double q[3];
        get_point(t->cloud, list[i < count ? i : count - 1], q);
        for (int k = 0; k < 3; k++)
            b.at[k][i] = q[k];
    }
    sides_of(&t->trial->sides, &b, side);
    for (uint32_t i = 0; i < count; i++) {
        t->number[list[i]] = side[i];
        t->inside[list[i]] = side[i] > 0;
    }
}

static void judge_part(void *context, uint32_t part)
{
    truth *t = context;
    const uint32_t first = part * PART, end = t->cloud->count - first < PART ? t->cloud->count : first + PART;
    for (uint32_t i = first; i < end; i += 4)
        judge_points(t, t->order + i, end - i < 4 ? end - i : 4);
}

static void order_points(truth *t)
{
    const mesh *m = t->trial->mesh;
    const double low[3] = {m->low[0], m->low[1], m->low[2]};
    sides_place *place = room(t->cloud->count, sizeof *place);
    for (uint32_t i = 0; i < t->cloud->count; i++) {
        double q[3];
        get_point(t->cloud, i, q);
        place[i] = (sides_place){sides_code(q, low, m->diagonal), i};
    }
    qsort(place, t->cloud->count, sizeof *place, sides_compare);
    for (uint32_t i = 0; i < t->cloud->count; i++)
        t->order[i] = place[i].index;
    free(place);
}

/* ---- lattices, in blocks that are judged at once */

typedef struct {
    uint32_t first[3], end[3];
} block;

static uint32_t at_lattice(uint32_t n, const uint32_t i[3])
{
    return i[0] + n * (i[1] + n * i[2]);
}

/* Puts a block into a place of four, which become as large as the largest. */
static void put_block(const truth *t, const block *p, int place, sides_blocks *out)
{
    const uint32_t last[3] = {p->end[0] - 1, p->end[1] - 1, p->end[2] - 1};
    double low[3], high[3];
    get_point(t->cloud, at_lattice(t->lattice, p->first), low);
    get_point(t->cloud, at_lattice(t->lattice, last), high);
    for (int k = 0; k < 3; k++) {
        out->at[k][place] = 0.5 * (low[k] + high[k]);
        out->half[k] = fmax(out->half[k], 0.5 * (high[k] - low[k]) * (1 + 1e-9));
    }
    out->radius = sqrt(sides_dot(out->half, out->half)) * (1 + 1e-9);
}

static void fill_block(truth *t, const block *p, int16_t number)
{
    uint32_t i[3];
    for (i[2] = p->first[2]; i[2] < p->end[2]; i[2]++)
        for (i[1] = p->first[1]; i[1] < p->end[1]; i[1]++)
            for (i[0] = p->first[0]; i[0] < p->end[0]; i[0]++) {
                t->number[at_lattice(t->lattice, i)] = number;
                t->inside[at_lattice(t->lattice, i)] = number > 0;
            }
}

/* The parts of a block that are not empty, up to eight. */
static uint32_t cut(const block *p, block part[8])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 8; i++) {
        block b = *p;
        bool empty = false;
        for (uint32_t k = 0; k < 3; k++) {
            const uint32_t middle = p->first[k] + (p->end[k] - p->first[k] + 1) / 2;
            *(i >> k & 1 ? &b.first[k] : &b.end[k]) = middle;
            empty |= b.first[k] == b.end[k];
        }
        if (!empty)
            part[count++] = b;
    }
    return count;
}

static void judge_block(truth *t, const block *p)
{
    block part[8];
    const uint32_t count = cut(p, part);
    for (uint32_t i = 0; i < count; i += 4) {
        sides_blocks b = {.radius = 0};
        int16_t side[4];
        const uint32_t some = count - i < 4 ? count - i : 4;
        for (uint32_t k = 0; k < 4; k++)
            put_block(t, &part[k < some ? i + k : i], (int)k, &b);
        sides_of(&t->trial->sides, &b, side);
        for (uint32_t k = 0; k < some; k++)
            if (side[k] != SIDES_OPEN || b.radius == 0)
                fill_block(t, &part[i + k], side[k]);
            else
                judge_block(t, &part[i + k]);
    }
}

static void judge_lattice_part(void *context, uint32_t part)
{
    truth *t = context;
    const uint32_t n = t->lattice, blocks = (n + BLOCK - 1) / BLOCK;
    const uint32_t at[3] = {part % blocks, part / blocks % blocks, part / blocks / blocks};
    block b;
    for (int k = 0; k < 3; k++) {
        b.first[k] = at[k] * BLOCK;
        b.end[k] = b.first[k] + BLOCK < n ? b.first[k] + BLOCK : n;
    }
    judge_block(t, &b);
}

/* ---- the exact tree */

#define FEW 32 /* points that the exact tree is asked about at once */

static void ask_tree(const truth *t, const uint32_t *list, uint32_t count, double winding[FEW])
{
    float x[FEW] = {0}, y[FEW] = {0}, z[FEW] = {0};
    uint64_t scratch[2 * FEW];
    for (uint32_t i = 0; i < count; i++)
        x[i] = t->cloud->x[list[i]], y[i] = t->cloud->y[list[i]], z[i] = t->cloud->z[list[i]];
    wh__tree_winding_batch(t->trial->tree, count, x, y, z, winding, scratch);
}

static void judge_open_part(void *context, uint32_t part)
{
    truth *t = context;
    const uint32_t first = part * FEW, count = t->open_count - first < FEW ? t->open_count - first : FEW;
    double winding[FEW];
    ask_tree(t, t->open + first, count, winding);
    for (uint32_t i = 0; i < count; i++)
        t->inside[t->open[first + i]] = (float)winding[i] >= 0.5f;
}

static void judge_open(truth *t)
{
    for (uint32_t i = 0; i < t->cloud->count; i++)
        t->open_count += t->number[i] == SIDES_OPEN;
    t->open = room(t->open_count, sizeof *t->open);
    for (uint32_t i = 0, n = 0; i < t->cloud->count; i++)
        if (t->number[i] == SIDES_OPEN)
            t->open[n++] = i;
    on_all_cores(&host, (t->open_count + FEW - 1) / FEW, judge_open_part, t);
}

/* On the surface, of which sides.h says nothing, the tree has to be what the plain sum is. */
static bool is_off(const truth *t, uint32_t point, double winding)
{
    const cloud *c = t->cloud;
    const wh_tree *tree = t->trial->tree;
    sides_blocks b = {.radius = 0};
    double q[3], sum;
    get_point(c, point, q);
    for (int k = 0; k < 3; k++)
        b.at[k] = sides_all(q[k]);
    sides_sum w;
    sides_winding(&t->trial->sides, &b, 1e-6, &w);
    if (!isnan(w.error[0]))
        return !(fabs(w.value[0] - winding) <= w.error[0] + 1e-9);
    wh__tree_sum(&t->trial->mesh->shape, tree->center, tree->scale, 1, c->x + point, c->y + point, c->z + point, &sum);
    return ((float)sum >= 0.5f) != ((float)winding >= 0.5f);
}

static void check_part(void *context, uint32_t part)
{
    truth *t = context;
    uint32_t list[FEW], count = 0;
    double winding[FEW];
    for (; count < FEW && ((uint64_t)part * FEW + count) * t->step < t->cloud->count; count++)
        list[count] = (part * FEW + count) * t->step;
    ask_tree(t, list, count, winding);
    for (uint32_t i = 0; i < count; i++)
        if (is_off(t, list[i], winding[i]))
            __atomic_fetch_add(&t->off, 1, __ATOMIC_RELAXED);
}

static uint32_t checked = 1000;

/* lattice: see truth. */
static truth find_truth(const trial *of, const cloud *c, uint32_t lattice)
{
    truth t = {.trial = of, .cloud = c, .lattice = lattice, .step = c->count / (checked + 1) + 1};
    const uint32_t blocks = (lattice + BLOCK - 1) / BLOCK;
    t.order = room(lattice ? 0 : c->count, sizeof *t.order);
    t.number = room(c->count, sizeof *t.number);
    t.inside = room(c->count, 1);
    if (!lattice)
        order_points(&t);
    if (lattice)
        on_all_cores(&host, blocks * blocks * blocks, judge_lattice_part, &t);
    else
        on_all_cores(&host, (c->count + PART - 1) / PART, judge_part, &t);
    judge_open(&t);
    on_all_cores(&host, (c->count / t.step + FEW) / FEW, check_part, &t);
    return t;
}

static void free_truth(truth *t)
{
    free(t->order), free(t->number), free(t->inside), free(t->open);
}

/* ---- answers */

static uint32_t report(const trial *t, const char *kind, uint32_t wrong, uint32_t tried)
{
    printf("%s, %s: %u wrong of %u\n", t->name, kind, wrong, tried);
    fflush(stdout);
    return wrong;
}

static void say_wrong(const trial *t, const truth *r, uint32_t i, float value)
{
    static int said;
    const cloud *c = r->cloud;
    if (said++ < 20)
        fprintf(stderr, "%s: at %a %a %a the engine says %.9g, %s; the tree %.9g\n", t->name, c->x[i], c->y[i], c->z[i],
                value,
                r->number[i] == SIDES_OPEN ? "it is open"
                : r->inside[i]             ? "it is inside"
                                           : "it is outside",
                wh__tree_winding(t->tree, c->x[i], c->y[i], c->z[i]));
}

/* whole: see wh__engine_inside. */
static uint32_t count_wrong(const trial *t, const truth *r, int32_t *whole)
{
    const cloud *c = r->cloud;
    float *value = room(c->count, sizeof *value);
    uint8_t *inside = room(c->count, 1);
    uint32_t wrong = 0;
    if (!wh__engine_inside(t->engine, &host, &t->mesh->shape, 0.5f, WH_SIDES, c->count, c->x, c->y, c->z, whole, value,
                           inside))
        die("the engine failed");
    for (uint32_t i = 0; i < c->count; i++)
        if (inside[i] != r->inside[i]) {
            say_wrong(t, r, i, value[i]);
            wrong++;
        }
    free(value), free(inside);
    return wrong;
}

/* Whole numbers of rows, as sample.inside takes them, and what becomes of them; of closed meshes the numbers too. */
static uint32_t count_wrong_rows(const trial *t, const truth *r)
{
    const uint32_t n = r->lattice;
    const cloud *c = r->cloud;
    float *axis[3] = {room(n, 4), room(n, 4), room(n, 4)};
    int16_t *row = room(c->count, sizeof *row);
    int32_t *whole = room(c->count, sizeof *whole);
    uint64_t open;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n; i++)
        axis[0][i] = c->x[i], axis[1][i] = c->y[i * n], axis[2][i] = c->z[(size_t)i * n * n];
    const wh_slab slab = {axis[0], axis[1], axis[2], n, n, n, n, (size_t)n * n};
    if (!wh__lattice_rows(&host, t->engine->surface, &slab, row, &open))
        die("rows failed");
    for (uint32_t i = 0; i < c->count; i++) {
        const bool known = row[i] != WH_LATTICE_OPEN;
        whole[i] = known ? row[i] : WH_NOT_PROVEN;
        wrong += t->sides.closed && known && r->number[i] != SIDES_OPEN && row[i] != r->number[i];
    }
    wrong += count_wrong(t, r, whole);
    for (int k = 0; k < 3; k++)
        free(axis[k]);
    free(row), free(whole);
    return wrong;
}

static cloud points_of(const mesh *m, int kind, const uint32_t count[3])
{
    return kind == 0 ? random_points(m, count[0]) : kind == 1 ? near_points(m, count[1]) : lattice_points(m, count[2]);
}

static void tell(const char *name, const char *kind, const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s, %s: %s \033[K\r", name, kind, what);
}

static uint32_t try_kind(const trial *t, int kind, const uint32_t count[3])
{
    static const char *const kinds[] = {"random", "near", "lattice"};
    tell(t->name, kinds[kind], "what is right");
    cloud c = points_of(t->mesh, kind, count);
    truth r = find_truth(t, &c, kind == 2 ? count[2] : 0);
    tell(t->name, kinds[kind], "the engine");
    uint32_t wrong = report(t, kinds[kind], count_wrong(t, &r, NULL), c.count);
    if (kind == 2 && t->engine->surface)
        wrong += report(t, "rows", count_wrong_rows(t, &r), c.count);
    wrong += report(t, "the exact tree", r.off, (c.count + r.step - 1) / r.step);
    free_truth(&r);
    free(c.x), free(c.y), free(c.z);
    return wrong;
}

static uint32_t try_mesh(const char *name, mesh m, const uint32_t count[3])
{
    trial t = {.mesh = &m, .name = name};
    const double low[3] = {m.low[0], m.low[1], m.low[2]};
    uint32_t wrong = 0;
    t.engine = wh__engine_build(&host, &m.shape);
    t.tree = wh__tree_build(&host, &m.shape);
    if (!t.engine || !t.tree || !sides_build(&t.sides, m.position, m.triangle, m.shape.triangle_count, low, m.diagonal))
        die("it was not built");
    t.sides.closed = t.engine->surface && !t.engine->caps;
    for (int k = 0; k < 3; k++)
        if (count[k])
            wrong += try_kind(&t, k, count);
    sides_free(&t.sides);
    wh__engine_free(&host, (wh_engine *)t.engine);
    wh__tree_free(&host, (wh_tree *)t.tree);
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
        checked = (uint32_t)atol(argv[5]);
    wrong += try_mesh("as it is", whole(&m), count);
    wrong += try_mesh("5 % deleted", deleted(&m), count);
    wrong += try_mesh("5 % flipped", flipped(&m), count);
    wrong += try_mesh("cut in half", half(&m), count);
    wrong += try_mesh("doubled", doubled(&m), count);
    wrong += try_mesh("a soup", soup(&m), count);
    return wrong > 0;
}
