/* multipole.c - holds the multipoles of kernels/winding to a sum over all triangles in double, and times them.
 * Compiled together with multipole.c, multipole_build.c, halve.c and tree.c from kernels/winding.
 *
 * multipole check [SHARE]     generated meshes, all kinds of queries and accuracies; exit status 0 when all bounds
 * hold; SHARE: of the queries, 0 .. 1 multipole same              threads, memory that is short, queries that are not
 * finite; exit status 0 when all is well multipole time FILE [T]     FILE: uint32 counts of points and triangles, float
 * xyz, uint32 indices; T threads */
#include "multipole.h"
#include "tree.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a host */

static int threads = 1;
static uint64_t live, asked, refused = UINT64_MAX;

typedef struct {
    void (*work)(void *context, uint32_t i);
    void *context;
    uint32_t count, next;
} crowd;

static void *take_part(void *argument)
{
    crowd *c = argument;
    for (uint32_t i; (i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->count;)
        c->work(c->context, i);
    return NULL;
}

static bool parallel_for(const wh_host *h, uint32_t count, void (*work)(void *, uint32_t), void *context)
{
    crowd c = {work, context, count, 0};
    pthread_t other[16];
    (void)h;
    for (int i = 1; i < threads; i++)
        pthread_create(other + i, NULL, take_part, &c);
    take_part(&c);
    for (int i = 1; i < threads; i++)
        pthread_join(other[i], NULL);
    return true;
}

static void *get(const wh_host *h, size_t bytes)
{
    (void)h;
    if (__atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED) >= refused)
        return NULL;
    __atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
    return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

static void put_back(const wh_host *h, void *p)
{
    (void)h;
    if (p)
        __atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
    free(p);
}

static void say(const wh_host *h, const char *text)
{
    (void)h;
    (void)text;
}

static const wh_host host = {sizeof host, get, put_back, parallel_for, say, say, say};

/* ---- meshes: points within -1 .. 1 */

typedef struct {
    uint32_t points, triangles;
    float *point;
    uint32_t *triangle;
    double *exact; /* what the points were before they were rounded to float */
} mesh;

static uint64_t seed = 1;

static double unit(void) /* 0 .. 1 */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

static double spread(void)
{
    return 2 * unit() - 1;
}

static mesh new_mesh(uint32_t points, uint32_t triangles)
{
    return (mesh){points, triangles, malloc(12 * (size_t)points), malloc(12 * (size_t)triangles), NULL};
}

static void set_point(mesh *m, uint32_t i, double x, double y, double z)
{
    m->point[3 * (size_t)i] = (float)x;
    m->point[3 * (size_t)i + 1] = (float)y;
    m->point[3 * (size_t)i + 2] = (float)z;
}

static void set_triangle(mesh *m, uint32_t i, uint32_t a, uint32_t b, uint32_t c)
{
    m->triangle[3 * (size_t)i] = a;
    m->triangle[3 * (size_t)i + 1] = b;
    m->triangle[3 * (size_t)i + 2] = c;
}

/* A sphere, or with bumps; every skip-th triangle is left out (0: none). */
static mesh ball(uint32_t rings, double bumps, uint32_t skip)
{
    const uint32_t sides = 2 * rings;
    mesh m = new_mesh((rings + 1) * sides, 2 * rings * sides);
    const double pi = acos(-1.0);
    for (uint32_t i = 0; i <= rings; i++)
        for (uint32_t k = 0; k < sides; k++) {
            const double a = pi * i / rings, b = 2 * pi * k / sides, s = i % rings ? sin(a) : 0;
            const double r = 0.8 + bumps * sin(7 * a) * (i % rings ? cos(5 * b) : 0);
            set_point(&m, i * sides + k, r * s * cos(b), r * s * sin(b), r * cos(a));
        }
    uint32_t n = 0, seen = 0;
    for (uint32_t i = 0; i < rings; i++)
        for (uint32_t k = 0; k < sides; k++) {
            const uint32_t a = i * sides + k, b = i * sides + (k + 1) % sides, c = a + sides, d = b + sides;
            if (i && !(skip && seen++ % skip == 3))
                set_triangle(&m, n++, a, c, b);
            if (i + 1 < rings && !(skip && seen++ % skip == 3))
                set_triangle(&m, n++, b, c, d);
        }
    m.triangles = n;
    return m;
}

/* Triangles anywhere, of this size. */
static mesh soup(uint32_t count, double size)
{
    mesh m = new_mesh(3 * count, count);
    for (uint32_t i = 0; i < count; i++) {
        double p[3];
        for (int k = 0; k < 3; k++)
            p[k] = spread() * (1 - size);
        for (uint32_t c = 0; c < 3; c++)
            set_point(&m, 3 * i + c, p[0] + size * spread(), p[1] + size * spread(), p[2] + size * spread());
        set_triangle(&m, i, 3 * i, 3 * i + 1, 3 * i + 2);
    }
    return m;
}

/* Long thin triangles. */
static mesh slivers(uint32_t count)
{
    mesh m = soup(count, 0.4);
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            m.point[9 * (size_t)i + 6 + k] = m.point[9 * (size_t)i + k] + 1e-4f * (float)spread();
    return m;
}

/* Clusters in clusters, from size 1 to 1e-5. */
static mesh scales(uint32_t count)
{
    mesh m = soup(count, 0.5);
    for (uint32_t i = 0; i < count; i++) {
        const double s = pow(10, -5.0 * i / count);
        for (size_t k = 0; k < 9; k++)
            m.point[9 * (size_t)i + k] = (float)(0.3 + 0.7 * s * m.point[9 * (size_t)i + k]);
    }
    return m;
}

static mesh joined(mesh a, mesh b)
{
    mesh m = new_mesh(a.points + b.points, a.triangles + b.triangles);
    memcpy(m.point, a.point, 12 * (size_t)a.points);
    memcpy(m.point + 3 * (size_t)a.points, b.point, 12 * (size_t)b.points);
    memcpy(m.triangle, a.triangle, 12 * (size_t)a.triangles);
    for (size_t i = 0; i < 3 * (size_t)b.triangles; i++)
        m.triangle[3 * (size_t)a.triangles + i] = b.triangle[i] + a.points;
    free(a.point), free(a.triangle), free(b.point), free(b.triangle);
    return m;
}

static mesh one_triangle(void)
{
    mesh m = new_mesh(3, 1);
    set_point(&m, 0, -1, -1, -0.3);
    set_point(&m, 1, 1, -0.8, 0.2);
    set_point(&m, 2, 0.1, 1, 0.4);
    set_triangle(&m, 0, 0, 1, 2);
    return m;
}

/* A flat sheet in squares, all triangles alike: errors of one sign. */
static mesh sheet(uint32_t n)
{
    mesh m = new_mesh((n + 1) * (n + 1), 2 * n * n);
    for (uint32_t i = 0; i <= n; i++)
        for (uint32_t k = 0; k <= n; k++)
            set_point(&m, i * (n + 1) + k, 2.0 * k / n - 1, 2.0 * i / n - 1, 0.1);
    for (uint32_t i = 0, t = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t a = i * (n + 1) + k;
            set_triangle(&m, t++, a, a + 1, a + n + 1);
            set_triangle(&m, t++, a + 1, a + n + 2, a + n + 1);
        }
    return m;
}

static mesh repeated(mesh a, uint32_t times) /* each triangle so often */
{
    mesh m = new_mesh(a.points, a.triangles * times);
    memcpy(m.point, a.point, 12 * (size_t)a.points);
    for (uint32_t i = 0; i < m.triangles; i++)
        memcpy(m.triangle + 3 * (size_t)i, a.triangle + 3 * (size_t)(i / times), 12);
    free(a.point), free(a.triangle);
    return m;
}

static mesh read_mesh(const char *path)
{
    uint32_t count[2] = {0};
    FILE *f = fopen(path, "rb");
    if (!f || fread(count, 4, 2, f) != 2)
        exit(2);
    mesh m = new_mesh(count[0], count[1]);
    if (fread(m.point, 12, count[0], f) != count[0] || fread(m.triangle, 12, count[1], f) != count[1])
        exit(2);
    fclose(f);
    return m;
}

/* ---- queries */

typedef struct {
    uint32_t count;
    float *x, *y, *z;
} queries;

static queries new_queries(uint32_t count)
{
    return (queries){count, malloc(4 * (size_t)count), malloc(4 * (size_t)count), malloc(4 * (size_t)count)};
}

static void free_queries(queries q)
{
    free(q.x), free(q.y), free(q.z);
}

static queries random_queries(uint32_t count, double size)
{
    queries q = new_queries(count);
    for (uint32_t i = 0; i < count; i++) {
        q.x[i] = (float)(size * spread());
        q.y[i] = (float)(size * spread());
        q.z[i] = (float)(size * spread());
    }
    return q;
}

static queries lattice_queries(uint32_t across)
{
    queries q = new_queries(across * across * across);
    for (uint32_t i = 0; i < q.count; i++) {
        q.x[i] = 2.0f * (float)(i % across) / (float)(across - 1) - 1;
        q.y[i] = 2.0f * (float)(i / across % across) / (float)(across - 1) - 1;
        q.z[i] = 2.0f * (float)(i / across / across) / (float)(across - 1) - 1;
    }
    return q;
}

/* Within that distance of points that are on triangles. */
static queries near_queries(const mesh *m, uint32_t count, double reach)
{
    queries q = new_queries(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *t = m->triangle + 3 * (size_t)(unit() * m->triangles);
        const double r = sqrt(unit()), s = unit(), w[3] = {1 - r, r * (1 - s), r * s};
        double p[3];
        for (int k = 0; k < 3; k++) {
            p[k] = reach * spread();
            for (int c = 0; c < 3; c++)
                p[k] += w[c] * m->point[3 * (size_t)t[c] + (size_t)k];
        }
        q.x[i] = (float)p[0];
        q.y[i] = (float)p[1];
        q.z[i] = (float)p[2];
    }
    return q;
}

/* One of the numbers that are rounded to v; always the same. */
static double unrounded(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    const uint64_t h = (bits + 1) * 0x9e3779b97f4a7c15u;
    return v * (1 + 2.9e-8 * (2 * ((double)(h >> 11) * 0x1p-53) - 1));
}

static void set_exact(mesh *m)
{
    m->exact = malloc(24 * (size_t)m->points);
    for (size_t i = 0; i < 3 * (size_t)m->points; i++)
        m->exact[i] = unrounded(m->point[i]);
}

static double brute(const mesh *m, double x, double y, double z)
{
    double sum = 0;
    for (uint32_t t = 0; t < m->triangles; t++) {
        double v[3][3], l[3];
        for (int c = 0; c < 3; c++) {
            const double *p = m->exact + 3 * (size_t)m->triangle[3 * (size_t)t + (size_t)c];
            v[c][0] = p[0] - x, v[c][1] = p[1] - y, v[c][2] = p[2] - z;
            l[c] = sqrt(v[c][0] * v[c][0] + v[c][1] * v[c][1] + v[c][2] * v[c][2]);
        }
        const double *a = v[0], *b = v[1], *c = v[2];
        const double det = a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) +
                           a[2] * (b[0] * c[1] - b[1] * c[0]);
        const double ab = a[0] * b[0] + a[1] * b[1] + a[2] * b[2], bc = b[0] * c[0] + b[1] * c[1] + b[2] * c[2],
                     ca = c[0] * a[0] + c[1] * a[1] + c[2] * a[2];
        sum += atan2(det, l[0] * l[1] * l[2] + ab * l[2] + bc * l[0] + ca * l[1]);
    }
    return sum / (2 * acos(-1.0));
}

/* Every so manieth of the queries, at the front. */
static queries some_of(queries q, uint32_t every)
{
    queries s = new_queries(q.count / every);
    for (uint32_t i = 0; i < s.count; i++) {
        s.x[i] = q.x[i * every];
        s.y[i] = q.y[i * every];
        s.z[i] = q.z[i * every];
    }
    return s;
}

static double *truth_of(const mesh *m, queries q)
{
    double *truth = malloc(q.count * sizeof *truth);
    for (uint32_t i = 0; i < q.count; i++)
        truth[i] = brute(m, unrounded(q.x[i]), unrounded(q.y[i]), unrounded(q.z[i]));
    return truth;
}

/* ---- check */

typedef struct {
    double worst, ratio, mean, bound; /* error, error over its bound, mean error, mean bound: of those with a bound */
    double torn;                      /* share of queries that have none: it is above a quarter */
    uint32_t broken;                  /* bounds that do not hold, values that are not finite */
} finding;

static finding compare(queries q, const double *truth, const float *value, const float *error)
{
    finding f = {0};
    for (uint32_t i = 0; i < q.count; i++) {
        const double off = fabs(value[i] - truth[i]);
        const bool torn = error[i] > 0.25;
        f.torn += torn ? 1.0 / q.count : 0;
        f.mean += torn ? 0 : off / q.count;
        f.bound += torn ? 0 : (double)error[i] / q.count;
        f.worst = torn ? f.worst : fmax(f.worst, off);
        f.ratio = fmax(f.ratio, off / error[i]);
        f.broken += off <= error[i] ? 0 : 1;
    }
    return f;
}

static uint32_t total_broken;
static double share_of_queries = 1;

static void show(const char *name, const char *what, float accuracy, const char *path, finding f)
{
    printf("%-26s %-9s %5.0e %-4s worst %8.2e = %5.3f accuracy, %5.3f bound; mean %8.2e; bound %8.2e torn %6.4f %s\n",
           name, what, accuracy, path, f.worst, f.worst / accuracy, f.ratio, f.mean, f.bound, f.torn,
           f.broken ? "BROKEN" : "");
    total_broken += f.broken;
}

#define MANY 9261 /* 21^3 queries: enough to be answered together */

/* Holds every so manieth answer to the sum over all triangles. */
static void check_queries(const char *name, const mesh *m, const wh_multipole *w, const char *what, queries all,
                          double wanted)
{
    const uint32_t every = (uint32_t)(all.count / (wanted * share_of_queries + 1));
    queries q = some_of(all, every);
    double *truth = truth_of(m, q);
    float *value = malloc(all.count * sizeof *value), *error = malloc(all.count * sizeof *error);
    static const float accuracies[] = {1e-1f, 1e-2f, 1e-3f, 1e-4f, 1e-5f};
    for (size_t a = 0; a < sizeof accuracies / sizeof *accuracies; a++) {
        if (!wh__multipole_many(&host, w, all.count, all.x, all.y, all.z, accuracies[a], value, error))
            exit(2);
        for (uint32_t i = 0; i < q.count; i++) {
            value[i] = value[i * every];
            error[i] = error[i * every];
        }
        show(name, what, accuracies[a], "many", compare(q, truth, value, error));
        for (uint32_t i = 0; i < q.count; i++)
            value[i] = wh__multipole_one(w, q.x[i], q.y[i], q.z[i], accuracies[a], error + i);
        show(name, what, accuracies[a], "one", compare(q, truth, value, error));
    }
    free(truth), free(value), free(error);
    free_queries(q), free_queries(all);
}

static void check_bound(const char *name, const mesh *m, const wh_multipole *w)
{
    double worst = 0, loose = 0;
    for (int i = 0; i < 50; i++) {
        const double size = pow(10, -3 * unit()), side = 1 + unit();
        float low[3], high[3], q[3];
        for (int k = 0; k < 3; k++) {
            const double c = side * spread();
            low[k] = (float)(c - size);
            high[k] = (float)(c + size);
        }
        const double bound = wh__multipole_bound(w, low, high);
        for (int k = 0; k < 20; k++) {
            for (int a = 0; a < 3; a++)
                q[a] = low[a] + (float)unit() * (high[a] - low[a]);
            const double truth = fabs(brute(m, q[0], q[1], q[2]));
            worst = fmax(worst, truth / bound);
            loose += bound / (truth + 0.01) / 1000;
        }
    }
    printf("%-28s bound: largest share %.4f, mean looseness %.1f %s\n", name, worst, loose, worst > 1 ? "BROKEN" : "");
    total_broken += worst > 1;
}

static void check_mesh(const char *name, mesh m)
{
    wh_multipole w;
    set_exact(&m);
    if (!wh__multipole_build(&host, m.point, m.triangle, m.triangles, &w))
        exit(2);
    check_queries(name, &m, &w, "random", random_queries(MANY, 1.1), 3000);
    check_queries(name, &m, &w, "outside", random_queries(MANY, 8), 1200);
    check_queries(name, &m, &w, "lattice", lattice_queries(21), 2200);
    static const double reach[] = {1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
    static const char *names[] = {"near 1e-2", "near 1e-3", "near 1e-4", "near 1e-5", "near 1e-6"};
    for (int i = 0; i < 5; i++)
        check_queries(name, &m, &w, names[i], near_queries(&m, MANY, reach[i]), 1500);
    check_bound(name, &m, &w);
    wh__multipole_free(&host, &w);
    free(m.point), free(m.triangle), free(m.exact);
}

/* ---- time */

static double now(void)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

static void time_queries(const wh_multipole *w, const wh_tree *tree, const char *name, queries q, float accuracy)
{
    float *value = malloc(4 * (size_t)q.count), *error = malloc(4 * (size_t)q.count);
    double seconds[5];
    for (int i = 0; i < 5; i++) {
        const double start = now();
        wh__multipole_many(&host, w, q.count, q.x, q.y, q.z, accuracy, value, error);
        seconds[i] = now() - start;
    }
    const uint32_t some = q.count < 20000 ? q.count : 20000;
    queries s = {some, q.x, q.y, q.z};
    double *truth = malloc(some * sizeof *truth);
    uint64_t *scratch = malloc(16 * (size_t)some);
    if (tree) {
        wh__tree_winding_batch(tree, some, q.x, q.y, q.z, truth, scratch);
        finding f = compare(s, truth, value, error);
        printf("%-12s %8u %8.3f Mq/s  worst %.2e mean %.2e of bound %.3f mean bound %.2e torn %.4f\n", name, q.count,
               1e-6 * q.count / median_of(seconds, 5), f.worst, f.mean, f.ratio, f.bound, f.torn);
    } else {
        printf("%-12s %8u %8.3f Mq/s\n", name, q.count, 1e-6 * q.count / median_of(seconds, 5));
    }
    free(value), free(error), free(truth), free(scratch);
    free_queries(q);
}

static void time_batches(const wh_multipole *w, const mesh *m, uint32_t batch, bool near)
{
    queries q = near ? near_queries(m, 20000, 0.01) : random_queries(20000, 1);
    float *value = malloc(4 * (size_t)q.count);
    double seconds[5];
    for (int i = 0; i < 5; i++) {
        const double start = now();
        for (uint32_t k = 0; k < q.count; k += batch)
            wh__multipole_many(&host, w, q.count - k < batch ? q.count - k : batch, q.x + k, q.y + k, q.z + k, 1e-3f,
                               value + k, NULL);
        seconds[i] = now() - start;
    }
    printf("%-6s in calls of %5u: %8.3f Mq/s\n", near ? "near" : "random", batch,
           1e-6 * q.count / median_of(seconds, 5));
    free(value);
    free_queries(q);
}

static void time_mesh(const char *path, uint32_t count)
{
    mesh m = read_mesh(path);
    wh_multipole w = {0};
    double seconds[5];
    for (int i = 0; i < 5; i++) {
        wh__multipole_free(&host, &w);
        const double start = now();
        wh__multipole_build(&host, m.point, m.triangle, m.triangles, &w);
        seconds[i] = now() - start;
    }
    printf("%u triangles, build %.1f ms, %.1f bytes a triangle\n", m.triangles, 1e3 * median_of(seconds, 5),
           (double)wh__multipole_bytes(&w) / m.triangles);
    const wh_geometry g = {sizeof g, m.points, m.triangles, m.point, m.triangle};
    wh_tree *tree = getenv("NO_TRUTH") ? NULL : wh__tree_build(&host, &g);
    time_queries(&w, tree, "random", random_queries(count, 1), 1e-3f);
    time_queries(&w, tree, "near", near_queries(&m, count, 0.01), 1e-3f);
    if (!getenv("BRIEF")) {
        time_queries(&w, tree, "lattice", lattice_queries(100), 1e-3f);
        for (uint32_t batch = 1; batch <= 10000; batch *= 10)
            time_batches(&w, &m, batch, false);
        for (uint32_t batch = 1; batch <= 10000; batch *= 10)
            time_batches(&w, &m, batch, true);
    }
    wh__tree_free(&host, tree);
    wh__multipole_free(&host, &w);
}

/* ---- same */

static uint32_t faults;

static void expect(bool right, const char *what)
{
    if (!right)
        printf("not so: %s\n", what);
    faults += !right;
}

static void answer(const wh_multipole *w, queries q, int crew, float *value, float *error)
{
    threads = crew;
    expect(wh__multipole_many(&host, w, q.count, q.x, q.y, q.z, 1e-3f, value, error), "many queries are answered");
    threads = 1;
}

static void check_threads(const mesh *m, uint32_t count)
{
    queries q = random_queries(count, 1.1);
    float *value[2], *error[2];
    q.x[7] = NAN, q.y[count / 2] = INFINITY, q.z[5] = 3e38f;
    for (int i = 0; i < 2; i++) {
        wh_multipole w;
        threads = i ? 3 : 1;
        expect(wh__multipole_build(&host, m->point, m->triangle, m->triangles, &w), "a tree is built");
        value[i] = malloc(4 * (size_t)count), error[i] = malloc(4 * (size_t)count);
        answer(&w, q, i ? 3 : 1, value[i], error[i]);
        for (uint32_t k = 0; k < count; k++)
            faults += !isfinite(value[i][k]) || !(error[i][k] >= 0);
        wh__multipole_free(&host, &w);
    }
    expect(!memcmp(value[0], value[1], 4 * (size_t)count), "threads do not change values");
    expect(!memcmp(error[0], error[1], 4 * (size_t)count), "threads do not change bounds");
    expect(value[0][7] == 0 && value[0][count / 2] == 0 && value[0][5] == 0, "what is not finite or far away gets 0");
    free(value[0]), free(value[1]), free(error[0]), free(error[1]);
    free_queries(q);
}

static void check_memory(const mesh *m)
{
    wh_multipole w, other;
    queries q = random_queries(20000, 1);
    float *value = malloc(4 * (size_t)q.count);
    expect(wh__multipole_build(&host, m->point, m->triangle, m->triangles, &w), "a tree is built");
    for (uint64_t k = 0; k < 4; k++) {
        refused = asked + k;
        expect(!wh__multipole_build(&host, m->point, m->triangle, m->triangles, &other), "a tree takes four blocks");
        expect(!other.group && !other.block && !other.level_count, "what was not built is empty");
    }
    for (uint64_t k = 0; k < 6; k++) {
        refused = asked + k;
        expect(!wh__multipole_many(&host, &w, q.count, q.x, q.y, q.z, 1e-3f, value, NULL), "short memory is said");
    }
    refused = UINT64_MAX;
    wh__multipole_free(&host, &w);
    free(value);
    free_queries(q);
}

static void check_empty(void)
{
    wh_multipole w;
    const float zero[3] = {0};
    float error = -1, value = -1;
    expect(wh__multipole_build(&host, NULL, NULL, 0, &w), "no triangles are fine");
    expect(wh__multipole_one(&w, 0, 0, 0, 1e-3f, &error) == 0 && error >= 0, "they give 0");
    expect(wh__multipole_many(&host, &w, 1, zero, zero, zero, 1e-3f, &value, NULL) && value == 0, "and 0 for many");
    expect(wh__multipole_bound(&w, zero, zero) == 0, "and are bounded by 0");
    wh__multipole_free(&host, &w);
}

static uint32_t check_same(void)
{
    mesh m = ball(50, 0.15, 20);
    check_threads(&m, 300);
    check_threads(&m, 60000);
    check_memory(&m);
    check_empty();
    expect(live == 0, "all memory is given back");
    free(m.point), free(m.triangle);
    return faults;
}

static uint32_t check_all(void)
{
    check_mesh("ball", ball(40, 0, 0));
    check_mesh("bumpy ball with holes", ball(50, 0.15, 20));
    check_mesh("small soup", soup(3000, 0.05));
    check_mesh("large soup", soup(600, 0.4));
    check_mesh("slivers", slivers(1000));
    check_mesh("scales", scales(2000));
    check_mesh("sheet", sheet(40));
    check_mesh("one triangle", one_triangle());
    check_mesh("ball and a huge triangle", joined(ball(30, 0.1, 0), one_triangle()));
    check_mesh("ball 30 times", repeated(ball(15, 0, 0), 30));
    printf("%u broken, %llu blocks live\n", total_broken, (unsigned long long)live);
    return total_broken + (uint32_t)live;
}

int main(int count, char **argument)
{
    const char *word = count > 1 ? argument[1] : "";
    if (strcmp(word, "check") == 0) {
        share_of_queries = count > 2 ? atof(argument[2]) : 1;
        return check_all() != 0;
    }
    if (strcmp(word, "same") == 0)
        return check_same() != 0;
    if (strcmp(word, "time") == 0 && count > 2) {
        threads = count > 3 ? atoi(argument[3]) : 1;
        time_mesh(argument[2], 1000000);
        return 0;
    }
    return 2;
}
