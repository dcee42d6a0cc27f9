/* surface.c - points on the triangles of a mesh: so many, each wherever it happens to be, or evenly spread.
 *
 * A dart goes to a triangle by its area and to a place in it by R. Osada et al., Shape Distributions, 2002. Where it
 * goes depends on its number and the seed alone, so more darts are more of the same. For blue noise they are thrown one
 * after the other, and those that are too close to an earlier one that stayed are taken away (R. Cook, Stochastic
 * Sampling in Computer Graphics, 1986). All threads do that at once: a dart waits for the earlier ones around it, which
 * few have to do for long (G. Blelloch, J. Fineman, J. Shun, Greedy Sequential Maximal Independent Set and Matching are
 * Parallel on Average, 2012). Distances are those through space: the sides of a thin sheet know of each other. */
#include "whorl_kernel.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
WH_PARAMS(sample_surface,
    int   count    WH_UI(1000, min = 0, max = 100000000, doc = "So many points; 0: as per_area or radius says");
    float per_area WH_UI(0, min = 0, max = 1e12, unit = "1/m2", doc = "So many points on each square metre, when count is 0");
    int   noise    WH_UI(0, choices = "white|blue",
                         doc = "How points lie: white, each wherever it happens to; blue, evenly spread, no two of them close");
    float radius   WH_UI(0, min = 0, max = 1e6, unit = "m",
                         doc = "Points so far apart or further (blue noise), as many as there is room for when count is 0");
    int   seed     WH_UI(0, min = 0, max = 2147483647, doc = "Other points");
)
/* clang-format on */

#define DARTS 8.0      /* thrown on an area of radius^2; more fill the last gaps, at a price */
#define DENSITY 0.6    /* of them stay, measured over 4e5 */
#define MOST_DARTS 1e9 /* of blue noise; they are all there at once */
#define MOST_POINTS 1e8
#define PART 16384 /* darts that a thread takes at a time */
#define GOLDEN 0x9e3779b97f4a7c15u
#define MOST_ROUNDS 12
#define FIRST_SHARE 64 /* of the darts are judged first */

enum { OPEN, KEPT, LOST };

typedef struct {
    uint32_t triangle_count;
    double *area;   /* of all triangles before each one, and of all */
    uint64_t *dart; /* the numbers of the darts that stay, rising; NULL: all do */
    uint64_t count;
} surface;

/* The finisher of splitmix64 (G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014). */
static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

/* A number in 0 .. 1, 1 excluded, that depends on nothing but these three. */
static double unit(uint64_t seed, uint64_t i, uint64_t axis)
{
    return (double)(mix(mix(seed + GOLDEN) + (3 * i + axis + 1) * GOLDEN) >> 11) * 0x1p-53;
}

/* ---- where a dart goes */

/* Not a finite number when a corner is not. */
static double area_of(const wh_geometry *mesh, uint32_t triangle)
{
    const uint32_t *v = mesh->triangle + (size_t)triangle * 3;
    const float *a = mesh->position + (size_t)v[0] * 3, *b = mesh->position + (size_t)v[1] * 3,
                *c = mesh->position + (size_t)v[2] * 3;
    double u[3], w[3];
    for (int k = 0; k < 3; k++)
        u[k] = (double)b[k] - (double)a[k], w[k] = (double)c[k] - (double)a[k];
    const double x = u[1] * w[2] - u[2] * w[1], y = u[2] * w[0] - u[0] * w[2], z = u[0] * w[1] - u[1] * w[0];
    return 0.5 * sqrt(x * x + y * y + z * z);
}

/* The triangle in whose share of the area a number falls: the last that begins there or before, and has any. */
static uint32_t triangle_at(const surface *s, double area)
{
    uint32_t low = 0, high = s->triangle_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (s->area[middle] <= area)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void place_dart(const surface *s, const wh_geometry *mesh, uint64_t seed, uint64_t i, float p[3])
{
    const uint32_t t = triangle_at(s, unit(seed, i, 0) * s->area[s->triangle_count]);
    const double root = sqrt(unit(seed, i, 1)), v = root * unit(seed, i, 2), u = root - v;
    for (int k = 0; k < 3; k++) {
        double corner[3];
        for (int j = 0; j < 3; j++)
            corner[j] = (double)mesh->position[(size_t)mesh->triangle[(size_t)t * 3 + (size_t)j] * 3 + (size_t)k];
        p[k] = (float)(corner[0] + u * (corner[1] - corner[0]) + v * (corner[2] - corner[0]));
    }
}

/* ---- darts that keep their distance */

typedef struct { /* darts lie in memory as they lie in space: by buckets, in which they rise */
    const surface *surface;
    const wh_geometry *mesh;
    uint64_t seed;
    double radius;
    uint32_t count, mask; /* darts; buckets less one */
    uint32_t *number;     /* scratch: of each number, the bucket; at last, whether it stays */
    uint32_t *order;      /* numbers by buckets */
    uint32_t *start;      /* where each bucket begins in order */
    float *place;         /* xyz */
    _Atomic uint8_t *state;
    uint32_t part;  /* under way, of those that go one by one */
    uint32_t limit; /* darts below this number are judged: the others would wait for them */
    atomic_uint open, kept;
} throwing;

static int64_t cell_along(const throwing *t, float x)
{
    return (int64_t)floor(fmin(fmax((double)x / t->radius, -1e15), 1e15));
}

/* Cells of a row along x are buckets side by side. */
static uint32_t bucket_of(const throwing *t, int64_t x, int64_t y, int64_t z)
{
    return (uint32_t)((uint64_t)x + mix((uint64_t)y * GOLDEN + (uint64_t)z)) & t->mask;
}

static uint32_t part_end(uint32_t part, uint32_t count)
{
    return count - part * PART < PART ? count : (part + 1) * PART;
}

static void find_buckets(void *context, uint32_t part)
{
    throwing *t = context;
    for (uint32_t i = part * PART; i < part_end(part, t->count); i++) {
        float p[3];
        place_dart(t->surface, t->mesh, t->seed, i, p);
        t->number[i] = bucket_of(t, cell_along(t, p[0]), cell_along(t, p[1]), cell_along(t, p[2]));
    }
}

static void count_part(void *context, uint32_t nothing)
{
    throwing *t = context;
    (void)nothing;
    for (uint32_t i = t->part * PART; i < part_end(t->part, t->count); i++)
        t->start[t->number[i] + 2]++;
}

static void order_part(void *context, uint32_t nothing)
{
    throwing *t = context;
    (void)nothing;
    for (uint32_t i = t->part * PART; i < part_end(t->part, t->count); i++)
        t->order[t->start[t->number[i] + 1]++] = i;
}

/* Parts that need the one before: each a call of its own to whoever watches the time. */
static bool one_by_one(const wh_host *host, throwing *t, uint32_t parts, void (*work)(void *context, uint32_t part))
{
    bool done = true;
    for (t->part = 0; done && t->part < parts; t->part++)
        done = host->parallel_for(host, 1, work, t);
    return done;
}

static bool sort_darts(const wh_host *host, throwing *t, uint32_t parts)
{
    memset(t->start, 0, ((size_t)t->mask + 3) * sizeof *t->start);
    if (!one_by_one(host, t, parts, count_part))
        return false;
    for (uint32_t i = 2; i < t->mask + 3; i++)
        t->start[i] += t->start[i - 1];
    return one_by_one(host, t, parts, order_part);
}

static void place_part(void *context, uint32_t part)
{
    throwing *t = context;
    for (uint32_t i = part * PART; i < part_end(part, t->count); i++) {
        place_dart(t->surface, t->mesh, t->seed, t->order[i], t->place + (size_t)i * 3);
        atomic_init(&t->state[i], OPEN);
    }
}

static bool are_close(const throwing *t, uint32_t a, uint32_t b)
{
    const float *p = t->place + (size_t)a * 3, *q = t->place + (size_t)b * 3;
    const double x = (double)p[0] - (double)q[0], y = (double)p[1] - (double)q[1], z = (double)p[2] - (double)q[2];
    return x * x + y * y + z * z < t->radius * t->radius;
}

/* What the earlier darts in a bucket make of one: LOST, or OPEN when one that is open is too close, or KEPT. */
static int judge_by_bucket(throwing *t, uint32_t dart, uint32_t bucket)
{
    int result = KEPT;
    for (uint32_t i = t->start[bucket]; i < t->start[bucket + 1] && t->order[i] < t->order[dart]; i++) {
        const int state = atomic_load_explicit(&t->state[i], memory_order_relaxed);
        if (state == LOST || !are_close(t, dart, i))
            continue;
        if (state == KEPT)
            return LOST;
        result = OPEN;
    }
    return result;
}

static int judge(throwing *t, uint32_t dart)
{
    const float *p = t->place + (size_t)dart * 3;
    const int64_t x = cell_along(t, p[0]), y = cell_along(t, p[1]), z = cell_along(t, p[2]);
    /* Where one is most likely that covers it comes first. */
    static const int8_t rows[9][2] = {{0, 0}, {0, -1}, {0, 1}, {-1, 0}, {1, 0}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
    static const uint32_t along[3] = {0, UINT32_MAX, 1};
    int result = KEPT;
    for (int row = 0; row < 9; row++) {
        const uint32_t middle = bucket_of(t, x, y + rows[row][0], z + rows[row][1]);
        for (int i = 0; i < 3; i++) {
            const int one = judge_by_bucket(t, dart, (middle + along[i]) & t->mask);
            if (one == LOST)
                return LOST;
            result = one == OPEN ? OPEN : result;
        }
    }
    return result;
}

/* Whatever is known of a dart stays so, and does not depend on when others are looked at. */
static void judge_part(void *context, uint32_t part)
{
    throwing *t = context;
    uint32_t open = 0;
    for (uint32_t i = part * PART; i < part_end(part, t->count); i++) {
        if (t->order[i] >= t->limit || atomic_load_explicit(&t->state[i], memory_order_relaxed) != OPEN)
            continue;
        const int state = judge(t, i);
        atomic_store_explicit(&t->state[i], (uint8_t)state, memory_order_relaxed);
        open += state == OPEN;
    }
    atomic_fetch_add_explicit(&t->open, open, memory_order_relaxed);
}

static void mark_part(void *context, uint32_t part)
{
    throwing *t = context;
    uint32_t kept = 0;
    for (uint32_t i = part * PART; i < part_end(part, t->count); i++) {
        const bool stays = atomic_load_explicit(&t->state[i], memory_order_relaxed) == KEPT;
        t->number[t->order[i]] = stays;
        kept += stays;
    }
    atomic_fetch_add_explicit(&t->kept, kept, memory_order_relaxed);
}

static bool judge_all(const wh_host *host, throwing *t)
{
    const uint32_t parts = (uint32_t)(((uint64_t)t->count + PART - 1) / PART);
    if (!host->parallel_for(host, parts, find_buckets, t))
        return false;
    if (!sort_darts(host, t, parts) || !host->parallel_for(host, parts, place_part, t))
        return false;
    for (t->limit = t->count / FIRST_SHARE;;) {
        atomic_store(&t->open, 0);
        if (!host->parallel_for(host, parts, judge_part, t))
            return false;
        if (atomic_load(&t->open))
            continue;
        if (t->limit == t->count)
            return host->parallel_for(host, parts, mark_part, t);
        t->limit = t->count - t->limit > t->limit ? 2 * t->limit + 1 : t->count;
    }
}

static bool alloc_throwing(const wh_host *host, throwing *t)
{
    const size_t n = t->count;
    t->mask = 63;
    while (t->mask < t->count / 4 && t->mask < UINT32_MAX / 4)
        t->mask = t->mask * 2 + 1;
    t->place = host->alloc(host, n * (3 * sizeof *t->place + 2 * sizeof *t->order + sizeof *t->state) +
                                     ((size_t)t->mask + 3) * sizeof *t->start);
    if (!t->place)
        return false;
    t->number = (uint32_t *)(t->place + 3 * n);
    t->order = t->number + n;
    t->start = t->order + n;
    t->state = (_Atomic uint8_t *)(t->start + t->mask + 3);
    return true;
}

static bool fail(const wh_host *host, const char *text)
{
    host->fail(host, text);
    return false;
}

/* Keeps the numbers of the first darts that stay, most of them; *total: how many there are. */
static bool keep_darts(const wh_host *host, surface *s, throwing *t, uint64_t most, uint64_t *total)
{
    const uint64_t found = atomic_load(&t->kept);
    host->free(host, s->dart);
    s->dart = host->alloc(host, (found < most ? found : most) * sizeof *s->dart + 1);
    s->count = 0;
    *total = found;
    for (uint32_t i = 0; s->dart && i < t->count && s->count < most; i++)
        if (t->number[i])
            s->dart[s->count++] = i;
    return s->dart;
}

static bool throw_darts(const wh_host *host, surface *s, const wh_geometry *mesh, const sample_surface *p,
                        double radius, uint64_t most, uint64_t *total)
{
    const double darts = s->area[s->triangle_count] * DARTS / (radius * radius) + 64;
    char text[160];
    if (darts > MOST_DARTS) {
        snprintf(text, sizeof text, "a radius of %g m makes %.3g darts on %g m2 of surface, more than %g (raise it)",
                 radius, darts, s->area[s->triangle_count], MOST_DARTS);
        return fail(host, text);
    }
    throwing t = {.surface = s, .mesh = mesh, .seed = (uint64_t)p->seed, .radius = radius, .count = (uint32_t)darts};
    if (!alloc_throwing(host, &t))
        return fail(host, "memory is short (raise radius, or lower count)");
    bool done = judge_all(host, &t);
    if (done && !keep_darts(host, s, &t, most, total))
        done = fail(host, "memory is short (raise radius, or lower count)");
    host->free(host, t.place);
    return done;
}

/* The distance that leaves room for a little more than so many. */
static bool choose_radius(const wh_host *host, surface *s, const wh_geometry *mesh, const sample_surface *p,
                          uint64_t count)
{
    const double target = (double)count * 1.02 + 2 * sqrt((double)count) + 1;
    double radius = sqrt(s->area[s->triangle_count] * DENSITY / target);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        uint64_t total;
        if (!throw_darts(host, s, mesh, p, radius, count, &total))
            return false;
        if (total >= count && ((double)total < 1.1 * target || round > MOST_ROUNDS / 2))
            return true;
        radius *= sqrt(((double)total + 1) / target) * (total < count ? 1 - 0.02 * round : 1);
    }
    return fail(host, "no radius gives so many points (give a radius, or a lower count)");
}

static bool spread(const wh_host *host, surface *s, const wh_geometry *mesh, const sample_surface *p, uint64_t count)
{
    uint64_t total;
    char text[160];
    if (p->radius == 0)
        return choose_radius(host, s, mesh, p, count);
    if (!throw_darts(host, s, mesh, p, (double)p->radius, count ? count : UINT64_MAX, &total))
        return false;
    if (total >= count)
        return true;
    snprintf(text, sizeof text, "there is room for %llu points %g m apart, not for %llu (lower radius or count)",
             (unsigned long long)total, (double)p->radius, (unsigned long long)count);
    return fail(host, text);
}

/* ---- the kernel */

static bool count_points(const wh_host *host, const surface *s, const sample_surface *p, uint64_t *count)
{
    const double wanted = p->count ? p->count : floor(s->area[s->triangle_count] * (double)p->per_area + 0.5);
    char text[128];
    *count = wanted <= MOST_POINTS ? (uint64_t)wanted : 0;
    if (wanted > MOST_POINTS) {
        snprintf(text, sizeof text, "per_area makes %.3g points, more than %g (lower it)", wanted, MOST_POINTS);
        return fail(host, text);
    }
    if (wanted == 0 && p->radius == 0 && p->per_area == 0)
        return fail(host, "it is not said how many points (set count, per_area or radius)");
    return true;
}

static void warn_of_broken(const wh_host *host, uint32_t broken)
{
    char text[128];
    snprintf(text, sizeof text, "%u triangle%s with a point that is not finite %s left out", (unsigned)broken,
             broken == 1 ? "" : "s", broken == 1 ? "was" : "were");
    if (broken)
        host->warn(host, text);
}

static bool measure(const wh_host *host, const wh_geometry *mesh, surface *s)
{
    uint32_t broken = 0;
    s->triangle_count = mesh->triangle_count;
    s->area = host->alloc(host, ((size_t)mesh->triangle_count + 1) * sizeof *s->area);
    if (!s->area)
        return fail(host, "memory is short (use a coarser mesh)");
    s->area[0] = 0;
    for (uint32_t i = 0; i < mesh->triangle_count; i++) {
        const double area = area_of(mesh, i);
        broken += !(area < HUGE_VAL);
        s->area[i + 1] = s->area[i] + (area < HUGE_VAL ? area : 0);
    }
    warn_of_broken(host, broken);
    return true;
}

static void sample_surface_release(const wh_host *host, void *state)
{
    surface *s = state;
    if (!s)
        return;
    host->free(host, s->area);
    host->free(host, s->dart);
    host->free(host, s);
}

static bool build(const wh_host *host, const wh_geometry *mesh, const sample_surface *p, surface *s)
{
    if (!measure(host, mesh, s))
        return false;
    if (s->area[s->triangle_count] == 0)
        return true;
    if (!count_points(host, s, p, &s->count))
        return false;
    return (!p->noise && p->radius == 0) || (s->count == 0 && p->radius == 0) || spread(host, s, mesh, p, s->count);
}

static void *sample_surface_prepare(const wh_host *host, const wh_geometry *mesh, const void *params)
{
    surface *s = host->alloc(host, sizeof *s);
    if (!s) {
        fail(host, "memory is short (use a coarser mesh)");
        return NULL;
    }
    *s = (surface){0};
    if (build(host, mesh, params, s))
        return s;
    sample_surface_release(host, s);
    return NULL;
}

static bool sample_surface_plan(const wh_host *host, const wh_geometry *mesh, const void *params, const void *state,
                                wh_sample_plan *out)
{
    const sample_surface *p = params;
    const surface *s = state;
    (void)mesh;
    if (p->count && s->count == 0)
        return fail(host, "the mesh has no triangles with an area to put points on");
    out->candidates = s->count;
    out->wanted = UINT64_MAX;
    out->block = PART;
    return true;
}

static uint32_t sample_surface_sample(const wh_sample_block *b)
{
    const sample_surface *p = b->params;
    const surface *s = b->state;
    for (uint32_t i = 0; i < b->count; i++) {
        float place[3];
        b->id[i] = s->dart ? s->dart[b->first + i] : b->first + i;
        place_dart(s, b->mesh, (uint64_t)p->seed, b->id[i], place);
        b->x[i] = place[0], b->y[i] = place[1], b->z[i] = place[2];
        b->value[i] = 1;
    }
    return b->count;
}

WH_KERNEL(sample_surface, .needs = WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS,
          .doc = "Points on the triangles of the mesh, evenly by area, at random or with blue noise",
          .source = "Osada, Funkhouser, Chazelle, Dobkin 2002; Cook 1986", .prepare = sample_surface_prepare,
          .release = sample_surface_release, .plan = sample_surface_plan, .sample = sample_surface_sample);
