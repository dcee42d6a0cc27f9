/* crossing.c - boundary chains, ray crossings and lattices of the winding kernels, held to the exact path.
 *
 * crossing check FOLDER COUNT SCALE OFFSET   reads the floats of FOLDER/points, scales and moves them, and the indices
 *                               of FOLDER/triangles; asks COUNT queries of each kind, and says how many answers were
 *                               wrong and how many not proven
 * crossing time FOLDER COUNT    says what building and asking take, in thread CPU time, the best of five */
#include "crossing.h"
#include "chain.h"
#include "doubt.h"
#include "lattice.h"
#include "tree.h"
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a host */

static size_t held;
static uint32_t refuse; /* this allocation from now fails; 0: none */

static void *host_alloc(const wh_host *h, size_t bytes)
{
    (void)h;
    if (refuse && --refuse == 0)
        return NULL;
    void *p = aligned_alloc(64, (bytes + 64) / 64 * 64 + 64);
    if (!p)
        exit(2);
    memcpy(p, &bytes, sizeof bytes);
    held += bytes;
    return (char *)p + 64;
}

static void host_free(const wh_host *h, void *p)
{
    (void)h;
    if (!p)
        return;
    size_t bytes;
    memcpy(&bytes, (char *)p - 64, sizeof bytes);
    held -= bytes;
    free((char *)p - 64);
}

static bool host_for(const wh_host *h, uint32_t count, void (*work)(void *context, uint32_t i), void *context)
{
    (void)h;
    for (uint32_t i = 0; i < count; i++)
        work(context, i);
    return true;
}

static void host_say(const wh_host *h, const char *text)
{
    (void)h;
    printf("%s\n", text);
}

static const wh_host host = {.size = sizeof host,
                             .alloc = host_alloc,
                             .free = host_free,
                             .parallel_for = host_for,
                             .fail = host_say,
                             .warn = host_say};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- a mesh */

typedef struct {
    float *position;
    uint32_t *triangle; /* welded */
    uint32_t point_count, triangle_count;
    double low[3], high[3], diagonal;
} mesh;

static void *read_all(const char *folder, const char *name, size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    void *data = malloc(*bytes + 1);
    if (!data || fread(data, 1, *bytes, f) != *bytes)
        exit(2);
    fclose(f);
    return data;
}

static const float *compared;

static int by_position(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    for (int k = 0; k < 3; k++) {
        float p = compared[3 * (size_t)i + (size_t)k], q = compared[3 * (size_t)j + (size_t)k];
        if (p != q)
            return p < q ? -1 : 1;
    }
    return i < j ? -1 : i > j;
}

/* Lets all triangles name one point of those at a position, and drops those without area by their indices. */
static void weld(mesh *m)
{
    uint32_t *order = malloc(m->point_count * sizeof *order), *same = malloc(m->point_count * sizeof *same), kept = 0;
    for (uint32_t i = 0; i < m->point_count; i++)
        order[i] = i;
    compared = m->position;
    qsort(order, m->point_count, sizeof *order, by_position);
    for (uint32_t i = 0; i < m->point_count; i++) {
        const float *p = m->position + 3 * (size_t)order[i], *q = i ? m->position + 3 * (size_t)order[i - 1] : NULL;
        bool new = !q || p[0] != q[0] || p[1] != q[1] || p[2] != q[2];
        same[order[i]] = new ? order[i] : same[order[i - 1]];
    }
    for (uint32_t i = 0; i < m->triangle_count; i++) {
        uint32_t t[3];
        for (size_t k = 0; k < 3; k++)
            t[k] = same[m->triangle[3 * (size_t)i + k]];
        if (t[0] != t[1] && t[1] != t[2] && t[2] != t[0])
            memcpy(m->triangle + 3 * (size_t)kept++, t, sizeof t);
    }
    m->triangle_count = kept;
    free(order);
    free(same);
}

static mesh read_mesh(const char *folder, double scale, double offset)
{
    size_t points, triangles;
    mesh m = {.position = read_all(folder, "points", &points), .triangle = read_all(folder, "triangles", &triangles)};
    m.point_count = (uint32_t)(points / 12);
    m.triangle_count = (uint32_t)(triangles / 12);
    for (size_t i = 0; i < 3 * (size_t)m.point_count; i++)
        m.position[i] = (float)(m.position[i] * scale + offset);
    weld(&m);
    for (size_t k = 0; k < 3; k++) {
        m.low[k] = DBL_MAX;
        m.high[k] = -DBL_MAX;
        for (size_t i = 0; i < 3 * (size_t)m.triangle_count; i++) {
            double v = m.position[3 * (size_t)m.triangle[i] + k];
            m.low[k] = v < m.low[k] ? v : m.low[k];
            m.high[k] = v > m.high[k] ? v : m.high[k];
        }
        m.diagonal += (m.high[k] - m.low[k]) * (m.high[k] - m.low[k]);
    }
    m.diagonal = sqrt(m.diagonal);
    return m;
}

/* ---- queries */

typedef struct {
    uint32_t count;
    float *x, *y, *z;
} queries;

static queries room_for(uint32_t count)
{
    float *all = calloc(3 * (size_t)count + 1, sizeof *all);
    return (queries){count, all, all + count, all + 2 * (size_t)count};
}

static uint64_t seed = 1;

static double unit(void)
{
    seed += 0x9e3779b97f4a7c15u;
    uint64_t v = seed;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return (double)((v ^ v >> 31) >> 11) * 0x1p-53;
}

static queries random_queries(const mesh *m, uint32_t count)
{
    queries q = room_for(count);
    float *p[3] = {q.x, q.y, q.z};
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            p[k][i] = (float)(m->low[k] + (1.02 * unit() - 0.01) * (m->high[k] - m->low[k]));
    return q;
}

/* Within a share of the diagonal of the surface along each axis; 0: on triangles, edges and corners. */
static queries near_queries(const mesh *m, uint32_t count, double share)
{
    queries q = room_for(count);
    float *p[3] = {q.x, q.y, q.z};
    double reach = share * m->diagonal / sqrt(3);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *t = m->triangle + 3 * (size_t)(unit() * m->triangle_count);
        double r = sqrt(unit()), s = unit();
        if (share == 0 && i % 3 == 0)
            r = 0; /* a corner */
        if (share == 0 && i % 3 == 1)
            s = 0; /* an edge */
        for (size_t k = 0; k < 3; k++) {
            double a = m->position[3 * (size_t)t[0] + k], b = m->position[3 * (size_t)t[1] + k];
            double c = m->position[3 * (size_t)t[2] + k];
            p[k][i] = (float)((1 - r) * a + r * (1 - s) * b + r * s * c + (2 * unit() - 1) * reach);
        }
    }
    return q;
}

/* About so many points at multiples of a spacing; round: of a power of two, so that they meet faces of boxes. */
typedef struct {
    float *at[3];
    uint32_t n[3];
} lattice;

static lattice lattice_of(const mesh *m, uint32_t count, bool round)
{
    double side = cbrt((double)count) - 1, longest = 0;
    for (int k = 0; k < 3; k++)
        longest = fmax(longest, m->high[k] - m->low[k]);
    double spacing = longest / fmax(side, 1);
    if (round)
        spacing = exp2(ceil(log2(spacing)));
    int64_t first[3], n[3];
    for (int k = 0; k < 3; k++) {
        first[k] = (int64_t)ceil(m->low[k] / spacing - 1e-9);
        n[k] = (int64_t)floor(m->high[k] / spacing + 1e-9) - first[k] + 1;
    }
    lattice l;
    for (int k = 0; k < 3; k++) {
        l.n[k] = (uint32_t)n[k];
        l.at[k] = malloc((size_t)n[k] * sizeof(float) + 1);
        for (int64_t i = 0; i < n[k]; i++)
            l.at[k][i] = (float)((double)(first[k] + i) * spacing);
    }
    return l;
}

static void drop_lattice(lattice l)
{
    for (int k = 0; k < 3; k++)
        free(l.at[k]);
}

static queries lattice_queries(lattice l)
{
    queries q = room_for(l.n[0] * l.n[1] * l.n[2]);
    for (uint32_t i = 0; i < q.count; i++) {
        q.x[i] = l.at[0][i % l.n[0]];
        q.y[i] = l.at[1][i / l.n[0] % l.n[1]];
        q.z[i] = l.at[2][i / l.n[0] / l.n[1]];
    }
    return q;
}

/* Coordinates of the mesh's own points, mixed. */
static queries mixed_queries(const mesh *m, uint32_t count)
{
    queries q = room_for(count);
    float *p[3] = {q.x, q.y, q.z};
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            p[k][i] = m->position[3 * (size_t)m->triangle[(size_t)(unit() * 3 * m->triangle_count)] + k];
    return q;
}

/* ---- engines */

typedef struct {
    mesh m;
    wh_chain chain;
    wh_surface surface;
    bool sound;
    wh_crossing crossing;
    wh_doubt doubt;
    wh_tree *tree, *caps; /* exact: of the mesh, and of what closes it */
} engines;

static wh_tree *tree_of(const mesh *m, const uint32_t *triangle, uint32_t count)
{
    wh_geometry g = {sizeof g, m->point_count, count, m->position, triangle};
    return wh__tree_build(&host, &g);
}

static bool build(engines *e)
{
    const mesh *m = &e->m;
    return wh__chain_build(&host, m->position, m->point_count, m->triangle, m->triangle_count, &e->chain) &&
           wh__surface_build(&host, m->position, m->triangle, m->triangle_count, e->chain.cap, e->chain.cap_count,
                             &e->surface, &e->sound) &&
           wh__surface_add_layers(&host, &e->surface) && wh__crossing_build(&host, &e->surface, &e->crossing) &&
           wh__doubt_build(&host, m->position, e->chain.cap, e->chain.cap_count, &e->doubt);
}

static void build_trees(engines *e)
{
    e->tree = tree_of(&e->m, e->m.triangle, e->m.triangle_count);
    e->caps = tree_of(&e->m, e->chain.cap, e->chain.cap_count);
}

static void drop(engines *e)
{
    wh__doubt_free(&host, &e->doubt);
    wh__crossing_free(&host, &e->crossing);
    wh__surface_free(&host, &e->surface);
    wh__chain_free(&host, &e->chain);
}

static uint32_t count_wrong(const char *name, queries q, const double *exact, const double *caps, const int32_t *got)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < q.count; i++) {
        bool same = got[i] == WH_NOT_PROVEN || fabs(exact[i] + caps[i] - got[i]) < 1e-2;
        if (!same && wrong++ < 3)
            fprintf(stderr, "  %s %u: %.9g %.9g %.9g is %.9g, not %d\n", name, i, (double)q.x[i], (double)q.y[i],
                    (double)q.z[i], exact[i] + caps[i], got[i]);
    }
    return wrong;
}

static uint32_t count_open(const int32_t *got, uint32_t count)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < count; i++)
        open += got[i] == WH_NOT_PROVEN;
    return open;
}

/* The lattice in slabs of so many planes, as int32_t. */
static void ask_lattice(const engines *e, lattice l, uint32_t planes, int32_t *got)
{
    size_t plane = (size_t)l.n[0] * l.n[1];
    int16_t *slab = malloc(plane * planes * sizeof *slab + 1);
    uint64_t open;
    for (uint32_t k = 0; k < l.n[2]; k += planes) {
        uint32_t n = l.n[2] - k < planes ? l.n[2] - k : planes;
        wh_slab rows = {l.at[0], l.at[1], l.at[2] + k, l.n[0], l.n[1], n, l.n[0], plane};
        if (!wh__lattice_rows(&host, &e->surface, &rows, slab, &open))
            exit(2);
        for (size_t i = 0; i < plane * n; i++)
            got[plane * k + i] = slab[i] == WH_LATTICE_OPEN ? WH_NOT_PROVEN : slab[i];
    }
    free(slab);
}

/* l: the lattice that these queries are, or NULL. */
static void check(const engines *e, const char *name, queries q, const lattice *l)
{
    double *exact = malloc(q.count * sizeof *exact + 1), *caps = malloc(q.count * sizeof *caps + 1);
    uint64_t *scratch = malloc(2 * (size_t)q.count * sizeof *scratch + 1);
    int32_t *got = malloc(q.count * sizeof *got + 1);
    wh__tree_winding_batch(e->tree, q.count, q.x, q.y, q.z, exact, scratch);
    wh__tree_winding_batch(e->caps, q.count, q.x, q.y, q.z, caps, scratch);
    wh__crossing_many(&e->crossing, q.count, q.x, q.y, q.z, got);
    printf("%s %u wrong %u open %u\n", name, q.count, count_wrong(name, q, exact, caps, got), count_open(got, q.count));
    for (uint32_t planes = 1; l && planes < 2 * l->n[2]; planes *= 4) {
        ask_lattice(e, *l, planes, got);
        printf("%s by rows, %u planes: %u wrong %u open %u\n", name, planes, q.count,
               count_wrong(name, q, exact, caps, got), count_open(got, q.count));
    }
    free(exact);
    free(caps);
    free(scratch);
    free(got);
    free(q.x);
}

/* Marks what may be less than clear from the caps, and looks for points that should be marked. */
static void check_doubt(const engines *e, lattice l)
{
    queries q = lattice_queries(l);
    wh_slab rows = {l.at[0], l.at[1], l.at[2], l.n[0], l.n[1], l.n[2], l.n[0], (size_t)l.n[0] * l.n[1]};
    uint8_t *marked = calloc(q.count + 1, sizeof *marked);
    uint32_t missed = 0, count = 0;
    if (!wh__doubt_mark(&host, &e->doubt, &rows, 0.49F, marked))
        exit(2);
    for (uint32_t i = 0; i < q.count; i++) {
        count += marked[i];
        missed += !marked[i] && fabs(wh__tree_winding(e->caps, q.x[i], q.y[i], q.z[i])) > 0.49;
    }
    printf("doubt %u missed %u listed %u\n", q.count, missed, count);
    free(marked);
    free(q.x);
}

/* Every second row, then the others, is what all rows at once are. */
static void check_between(const engines *e, lattice l)
{
    size_t layer = (size_t)l.n[0] * l.n[1], count = layer * l.n[2];
    int16_t *all = malloc(count * sizeof *all + 1), *parts = malloc(count * sizeof *parts + 1);
    float *y = malloc(l.n[1] * sizeof *y + 1);
    uint64_t open = 0, opened = 0, part;
    wh_slab rows = {l.at[0], l.at[1], l.at[2], l.n[0], l.n[1], l.n[2], l.n[0], layer};
    wh__lattice_rows(&host, &e->surface, &rows, all, &open);
    for (uint32_t odd = 0; odd < 2; odd++) {
        for (uint32_t j = odd; j < l.n[1]; j += 2)
            y[j / 2] = l.at[1][j];
        wh_slab half = {l.at[0], y, l.at[2], l.n[0], (l.n[1] + 1 - odd) / 2, l.n[2], 2 * (size_t)l.n[0], layer};
        wh__lattice_rows(&host, &e->surface, &half, parts + odd * l.n[0], &part);
        opened += part;
    }
    printf("rows between rows: same %d\n", !memcmp(all, parts, count * sizeof *all) && open == opened);
    free(all);
    free(parts);
    free(y);
}

static void check_lattice(const engines *e, const char *name, uint32_t count, bool round)
{
    lattice l = lattice_of(&e->m, count, round);
    check(e, name, lattice_queries(l), &l);
    check_between(e, l);
    if (!round)
        check_doubt(e, l);
    drop_lattice(l);
}

/* Whichever allocation fails, building says so and leaves nothing behind. */
static void check_memory(const engines *e)
{
    uint32_t refused = 0;
    size_t before = held;
    for (bool built = false; !built; refused++) {
        engines part = {.m = e->m};
        refuse = refused + 1;
        built = build(&part) && refuse;
        drop(&part);
        if (held != before)
            printf("allocation %u refused: %zu bytes left\n", refused, held - before);
    }
    refuse = 0;
    printf("refused %u\n", refused - 1);
}

static void check_all(engines *e, uint32_t count)
{
    printf("triangles %u caps %u boundary %lu worth %d columns %u\n", e->m.triangle_count, e->chain.cap_count,
           (unsigned long)e->chain.open, e->chain.worth_closing, e->crossing.columns);
    if (!e->crossing.columns)
        return;
    check(e, "random", random_queries(&e->m, count), NULL);
    check(e, "near 1e-2", near_queries(&e->m, count, 1e-2), NULL);
    check(e, "near 1e-5", near_queries(&e->m, count, 1e-5), NULL);
    check(e, "near 1e-7", near_queries(&e->m, count, 1e-7), NULL);
    check(e, "on", near_queries(&e->m, count, 0), NULL);
    check_lattice(e, "lattice", count, false);
    check_lattice(e, "round lattice", count, true);
    check(e, "mixed", mixed_queries(&e->m, count), NULL);
    check_memory(e);
}

static void time_queries(const engines *e, const char *name, queries q, uint32_t batch)
{
    int32_t *got = malloc(q.count * sizeof *got);
    double best = DBL_MAX;
    for (int turn = 0; turn < 5; turn++) {
        double start = now();
        for (uint32_t i = 0; i < q.count; i += batch)
            wh__crossing_many(&e->crossing, q.count - i < batch ? q.count - i : batch, q.x + i, q.y + i, q.z + i,
                              got + i);
        best = fmin(best, now() - start);
    }
    printf("%s, %u a call: %.2f M/s\n", name, batch, 1e-6 * q.count / best);
    free(got);
    free(q.x);
}

/* One slab for all. */
static void time_lattice(engines *e, uint32_t side)
{
    lattice l = lattice_of(&e->m, side * side * side, false);
    size_t count = (size_t)l.n[0] * l.n[1] * l.n[2];
    int16_t *out = malloc(count * sizeof *out);
    double best = DBL_MAX;
    for (int turn = 0; turn < 5; turn++) {
        uint64_t open;
        double start = now();
        wh_slab rows = {l.at[0], l.at[1], l.at[2], l.n[0], l.n[1], l.n[2], l.n[0], (size_t)l.n[0] * l.n[1]};
        wh__lattice_rows(&host, &e->surface, &rows, out, &open);
        best = fmin(best, now() - start);
    }
    uint8_t *marked = calloc(count + 1, sizeof *marked);
    uint32_t listed = 0;
    wh_slab rows = {l.at[0], l.at[1], l.at[2], l.n[0], l.n[1], l.n[2], l.n[0], (size_t)l.n[0] * l.n[1]};
    double start = now();
    wh__doubt_mark(&host, &e->doubt, &rows, 0.49F, marked);
    for (size_t i = 0; i < count; i++)
        listed += marked[i];
    if (e->chain.cap_count)
        printf("doubt: list %.2f ms, %.2f %% of the points\n", 1e3 * (now() - start), 100.0 * listed / (double)count);
    free(marked);
    printf("lattice %u x %u x %u: %.2f ms\n", l.n[0], l.n[1], l.n[2], 1e3 * best);
    free(out);
    drop_lattice(l);
}

static void time_all(engines *e, uint32_t count)
{
    double best[4] = {DBL_MAX, DBL_MAX, DBL_MAX, DBL_MAX};
    const mesh *m = &e->m;
    for (int turn = 0; turn < 5; turn++) {
        double at[5];
        drop(e);
        at[0] = now();
        wh__chain_build(&host, m->position, m->point_count, m->triangle, m->triangle_count, &e->chain);
        at[1] = now();
        wh__surface_build(&host, m->position, m->triangle, m->triangle_count, e->chain.cap, e->chain.cap_count,
                          &e->surface, &e->sound);
        at[2] = now();
        wh__surface_add_layers(&host, &e->surface);
        at[3] = now();
        wh__crossing_build(&host, &e->surface, &e->crossing);
        at[4] = now();
        wh__doubt_build(&host, m->position, e->chain.cap, e->chain.cap_count, &e->doubt);
        for (int k = 0; k < 4; k++)
            best[k] = fmin(best[k], at[k + 1] - at[k]);
    }
    printf("triangles %u caps %u, build: chain %.2f ms, surface %.2f ms, layers %.2f ms, crossing %.2f ms\n",
           m->triangle_count, e->chain.cap_count, 1e3 * best[0], 1e3 * best[1], 1e3 * best[2], 1e3 * best[3]);
    printf("%u x %u columns, axis %u, %.2f items and %.2f clusters a triangle, %.1f bytes a triangle\n",
           e->crossing.columns, e->crossing.rows, e->crossing.axis, (double)e->crossing.item_count / m->triangle_count,
           (double)e->crossing.cluster_count / m->triangle_count, (double)held / m->triangle_count);
    time_lattice(e, 128);
    time_lattice(e, 256);
    time_queries(e, "random", random_queries(m, count), count);
    time_queries(e, "near 1e-2", near_queries(m, count, 1e-2), count);
    time_queries(e, "near 1e-4", near_queries(m, count, 1e-4), count);
    time_queries(e, "random", random_queries(m, count), 1);
    time_queries(e, "near 1e-2", near_queries(m, count, 1e-2), 1);
}

int main(int count, char **word)
{
    if (count < 4)
        return 2;
    engines e = {.m = read_mesh(word[2], count > 4 ? atof(word[4]) : 1, count > 5 ? atof(word[5]) : 0)};
    uint32_t queries_wanted = (uint32_t)atoi(word[3]);
    bool checks = !strcmp(word[1], "check");
    if (!build(&e))
        return 1;
    if (checks)
        build_trees(&e);
    (checks ? check_all : time_all)(&e, queries_wanted);
    drop(&e);
    wh__tree_free(&host, e.tree);
    wh__tree_free(&host, e.caps);
    free(e.m.position);
    free(e.m.triangle);
    if (held)
        printf("%zu bytes left\n", held);
    return 0;
}
