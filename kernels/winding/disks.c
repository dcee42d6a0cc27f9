/* disks.c - random points of which no two are closer than a given distance (Poisson disks), in all of space.
 *
 * Dart throwing keeps a dart when no earlier one that was kept is too close (R. Cook, Stochastic Sampling in Computer
 * Graphics, 1986). Here the darts are there from the start: every cell of a grid without end has some, at places that
 * are hashed from the numbers of the cell, and their rank, hashed too, stands for the time at which they are thrown.
 * Whether a dart is kept depends on the darts of lower rank around it, on what these depend on, and so on, which is a
 * few distances, as a random order gives short chains (G. Blelloch, J. Fineman, J. Shun, Greedy Sequential Maximal
 * Independent Set and Matching are Parallel on Average, 2012). So every brick of cells can be worked out alone, with a
 * margin around it, and two that overlap agree; where a chain leaves the margin it is made wider. (L.-Y. Wei, Parallel
 * Poisson Disk Sampling, 2008, has an order by cells in its place, which shows in the result.) */
#include "points.h"
#include <stdio.h>
#include <string.h>

#define DARTS 3   /* in a cell; more fill the last gaps, at a price */
#define REACH 2   /* cells that a dart's neighbours are away at most */
#define ROW 16    /* darts of the cells in reach along x, rounded up to whole vectors: the last is tested in vain */
#define BRICK 48  /* cells along the edge of a brick */
#define MARGIN 10 /* cells around it, at first */
#define NONE 0xff
#define LEAST 1e-15 /* metres between points */
#define MOST 1e15
/* Darts kept in a volume of distance^3, measured over 4e5 of them. */
#define DENSITY 0.564

typedef struct { /* the cells of a brick and around it */
    const wh_cloud *cloud;
    uint64_t seed;
    int64_t first[3]; /* number of the first cell */
    uint32_t count[3];
    uint32_t cells, darts;
    float least;      /* distance^2 */
    float *x, *y, *z; /* of darts, DARTS for each cell; before and behind all four arrays is room for padding_of more */
    int32_t *rank;    /* the upper bits */
    int32_t *covered; /* not 0: a dart that is kept is too close, or is this one */
    uint8_t *kept;    /* of each cell: its dart that is, or NONE */
    bool left;        /* an answer depends on darts beyond */
} region;

static float place(int64_t cell, uint64_t bits, double size)
{
    return (float)(((double)cell + (double)(bits & 0x1fffff) * 0x1p-21) * size);
}

static uint64_t id_of(const region *r, uint32_t cell)
{
    const uint32_t x = cell % r->count[0], y = cell / r->count[0] % r->count[1], z = cell / r->count[0] / r->count[1];
    return wh__cloud_id(r->first[0] + x, r->first[1] + y, r->first[2] + z);
}

static uint64_t whole_rank(const region *r, uint32_t dart)
{
    return wh__mix(wh__mix(id_of(r, dart / DARTS) + r->seed) + dart % DARTS * WH_GOLDEN);
}

static void make_cell(region *r, uint32_t cell, const int64_t n[3])
{
    const uint64_t id = wh__mix(wh__cloud_id(n[0], n[1], n[2]) + r->seed);
    const double size = r->cloud->step[0];
    for (uint32_t k = 0; k < DARTS; k++) {
        const uint32_t dart = cell * DARTS + k;
        const uint64_t rank = wh__mix(id + k * WH_GOLDEN), bits = wh__mix(rank + WH_GOLDEN);
        r->rank[dart] = (int32_t)(rank >> 33);
        r->x[dart] = place(n[0], bits, size);
        r->y[dart] = place(n[1], bits >> 21, size);
        r->z[dart] = place(n[2], bits >> 42, size);
        r->covered[dart] = rank > r->cloud->asked.last_rank;
    }
}

static void make_darts(region *r)
{
    uint32_t cell = 0;
    for (uint32_t z = 0; z < r->count[2]; z++)
        for (uint32_t y = 0; y < r->count[1]; y++)
            for (uint32_t x = 0; x < r->count[0]; x++, cell++)
                make_cell(r, cell, (int64_t[]){r->first[0] + x, r->first[1] + y, r->first[2] + z});
}

/* The first dart of a row of neighbours, j rows and k layers from a cell. What a row holds beyond its five cells, or
 * at the end of the region, is somewhere else in space, and so does no harm. */
static ptrdiff_t row_of(const region *r, uint32_t cell, int j, int k)
{
    return ((ptrdiff_t)cell + ((ptrdiff_t)k * r->count[1] + j) * r->count[0] - REACH) * DARTS;
}

static void cover_around(region *r, uint32_t dart)
{
    const float x = r->x[dart], y = r->y[dart], z = r->z[dart], least = r->least;
    for (int k = -REACH; k <= REACH; k++)
        for (int j = -REACH; j <= REACH; j++) {
            const ptrdiff_t from = row_of(r, dart / DARTS, j, k);
            const float *px = r->x + from, *py = r->y + from, *pz = r->z + from;
            int32_t *covered = r->covered + from;
            for (uint32_t i = 0; i < ROW; i++) {
                const float dx = px[i] - x, dy = py[i] - y, dz = pz[i] - z;
                covered[i] |= dx * dx + dy * dy + dz * dz < least;
            }
        }
}

typedef struct { /* of each place in a row, the first rival, in all rows so far */
    int32_t rank[ROW], dart[ROW];
} rivals;

/* Looks for darts of a row that come before one, are too close to it, and may be kept. */
static void find_rivals(const region *r, uint32_t dart, ptrdiff_t from, rivals *found)
{
    const float x = r->x[dart], y = r->y[dart], z = r->z[dart], least = r->least;
    const float *px = r->x + from, *py = r->y + from, *pz = r->z + from;
    const int32_t *covered = r->covered + from, *rank = r->rank + from;
    const int32_t own = r->rank[dart], self = (int32_t)dart, first = (int32_t)from;
    for (int32_t i = 0; i < ROW; i++) {
        const float dx = px[i] - x, dy = py[i] - y, dz = pz[i] - z;
        const int32_t is_rival = (dx * dx + dy * dy + dz * dz < least) & (rank[i] <= own) & (covered[i] == 0) &
                                 (rank[i] < found->rank[i]) & (first + i != self);
        found->rank[i] = is_rival ? rank[i] : found->rank[i];
        found->dart[i] = is_rival ? first + i : found->dart[i];
    }
}

/* Does a come before b, in an order without ties? */
static bool is_before(const region *r, uint32_t a, uint32_t b)
{
    if (a == b || r->rank[a] != r->rank[b])
        return r->rank[a] < r->rank[b];
    const uint64_t x = whole_rank(r, a), y = whole_rank(r, b);
    return x != y ? x < y : a < b;
}

static bool is_at_rim(const region *r, uint32_t cell)
{
    for (int k = 0; k < 3; k++) {
        const uint32_t n = cell % r->count[k];
        if (n < REACH || n + REACH >= r->count[k])
            return true;
        cell /= r->count[k];
    }
    return false;
}

/* The first of the darts that come before this one, are too close, and may be kept; or itself. */
static uint32_t first_rival(const region *r, uint32_t dart)
{
    rivals found;
    uint32_t first = dart;
    for (int i = 0; i < ROW; i++)
        found.rank[i] = INT32_MAX, found.dart[i] = (int32_t)dart;
    for (int k = -REACH; k <= REACH; k++)
        for (int j = -REACH; j <= REACH; j++)
            find_rivals(r, dart, row_of(r, dart / DARTS, j, k), &found);
    for (int i = 0; i < ROW; i++)
        if (is_before(r, (uint32_t)found.dart[i], first))
            first = (uint32_t)found.dart[i];
    return first;
}

/* Afterwards the dart is covered, by itself when it is kept; or r->left. Calls go as deep as a chain of falling ranks,
 * which is short, as each goes to the lowest in reach. */
static void settle(region *r, uint32_t dart)
{
    while (!r->covered[dart]) {
        if (is_at_rim(r, dart / DARTS)) {
            r->left = true;
            return;
        }
        const uint32_t rival = first_rival(r, dart);
        if (rival == dart) {
            r->kept[dart / DARTS] = (uint8_t)(dart % DARTS);
            cover_around(r, dart);
            return;
        }
        settle(r, rival);
        if (r->left)
            return;
    }
}

/* ---- a region */

/* Darts before and behind the arrays that a row of neighbours at their ends reaches. They are nowhere in space. */
static uint32_t padding_of(const region *r)
{
    return REACH * (r->count[0] * r->count[1] + r->count[0] + 1) * DARTS + ROW;
}

static bool alloc_region(const wh_host *host, region *r)
{
    const size_t pad = padding_of(r), padded = r->darts + 2 * pad;
    float *room = host->alloc(host, padded * 5 * sizeof *room + r->cells);
    if (!room)
        return false;
    r->x = room + pad;
    r->y = r->x + padded;
    r->z = r->y + padded;
    r->rank = (int32_t *)(r->z + padded);
    r->covered = r->rank + padded;
    r->kept = (uint8_t *)(r->covered + padded - pad);
    memset(r->kept, NONE, r->cells);
    for (size_t i = 0; i < pad; i++)
        room[i] = r->x[r->darts + i] = NAN;
    memset(r->covered - pad, 0, pad * sizeof *r->covered);
    memset(r->covered + r->darts, 0, pad * sizeof *r->covered);
    return true;
}

static bool make_region(const wh_host *host, const wh_cloud *c, const int64_t brick[3], uint32_t margin, region *r)
{
    *r = (region){.cloud = c, .seed = wh__mix(c->asked.seed + WH_GOLDEN), .cells = 1};
    /* What is further apart than this in float is so in truth. */
    r->least = (float)(c->asked.spacing * c->asked.spacing * (1 + 1e-6));
    for (int k = 0; k < 3; k++) {
        r->first[k] = brick[k] - margin;
        r->count[k] = c->brick[k] + 2 * margin;
        r->cells *= r->count[k];
    }
    r->darts = r->cells * DARTS;
    if (!alloc_region(host, r))
        return false;
    make_darts(r);
    return true;
}

static void free_region(const wh_host *host, region *r)
{
    host->free(host, r->x - padding_of(r));
}

/* ---- the cloud */

/* Whether floats have room for squares of distances. */
static bool has_size(const wh_host *host, const wh_cloud_request *r)
{
    char text[160];
    if (r->spacing >= LEAST && r->spacing <= MOST)
        return true;
    snprintf(text, sizeof text, "points %g m apart: only %g .. %g m can be (scale the mesh, or ask for another number)",
             r->spacing, LEAST, MOST);
    if (host)
        host->fail(host, text);
    return false;
}

bool wh__disks_make(const wh_host *host, wh_cloud *c)
{
    const wh_cloud_request *r = &c->asked;
    const double size = WH_CELL * r->spacing;
    double cells = 1;
    if (!has_size(host, r))
        return false;
    for (int k = 0; k < 3; k++) {
        c->step[k] = size;
        if (!wh__cloud_span(host, r, floor(r->low[k] / size), floor(r->high[k] / size), &c->first[k], &c->count[k]))
            return false;
        const uint64_t bricks = (c->count[k] + BRICK - 1) / BRICK;
        c->brick[k] = (uint32_t)((c->count[k] + bricks - 1) / bricks);
        c->count[k] = bricks * c->brick[k];
        cells *= (double)c->count[k];
    }
    if (!wh__cloud_fits(host, r, cells))
        return false;
    c->candidates = c->count[0] * c->count[1] * c->count[2];
    c->block = c->brick[0] * c->brick[1] * c->brick[2];
    return true;
}

/* Number of the first cell of a brick. */
static void brick_start(const wh_cloud *c, uint64_t brick, int64_t start[3])
{
    for (int k = 0; k < 3; k++) {
        const uint64_t along = c->count[k] / c->brick[k];
        start[k] = c->first[k] + (int64_t)(brick % along * c->brick[k]);
        brick /= along;
    }
}

typedef struct {
    float *x, *y, *z;
    uint64_t *id;
    uint32_t count;
} output;

/* The kept darts of cells from .. to - 1 of the brick. False when some of them depend on darts beyond the region. */
static bool put_cells(region *r, uint32_t margin, uint32_t from, uint32_t to, output *out)
{
    const wh_cloud *c = r->cloud;
    const uint32_t before = out->count;
    for (uint32_t i = from; i < to; i++) {
        const uint32_t x = i % c->brick[0] + margin, y = i / c->brick[0] % c->brick[1] + margin;
        const uint32_t z = i / c->brick[0] / c->brick[1] + margin, cell = x + r->count[0] * (y + r->count[1] * z);
        for (uint32_t k = 0; k < DARTS; k++)
            settle(r, cell * DARTS + k);
        if (r->left) {
            out->count = before;
            return false;
        }
        const uint32_t dart = cell * DARTS + r->kept[cell], n = out->count;
        if (r->kept[cell] == NONE || !wh__cloud_holds(&c->asked, r->x[dart], r->y[dart], r->z[dart]))
            continue;
        out->x[n] = r->x[dart], out->y[n] = r->y[dart], out->z[n] = r->z[dart];
        out->id[n] = c->asked.ranks ? whole_rank(r, dart) : id_of(r, cell);
        out->count = n + 1;
    }
    return true;
}

static bool put_brick(const wh_host *host, const wh_cloud *c, uint64_t brick, uint32_t from, uint32_t to, output *out)
{
    int64_t start[3];
    brick_start(c, brick, start);
    for (uint32_t margin = MARGIN;; margin *= 2) {
        region r;
        if (!make_region(host, c, start, margin, &r))
            return false;
        const bool done = put_cells(&r, margin, from, to, out);
        free_region(host, &r);
        if (done)
            return true;
    }
}

bool wh__disks_points(const wh_host *host, const wh_cloud *c, uint64_t first, uint32_t count, float *x, float *y,
                      float *z, uint64_t *id, uint32_t *written)
{
    const uint32_t size = c->brick[0] * c->brick[1] * c->brick[2];
    output out = {x, y, z, id, 0};
    for (uint32_t done = 0; done < count;) {
        const uint64_t brick = (first + done) / size;
        const uint32_t from = (uint32_t)((first + done) % size);
        const uint32_t to = size - from < count - done ? size : from + count - done;
        if (!put_brick(host, c, brick, from, to, &out))
            return false;
        done += to - from;
    }
    *written = out.count;
    return true;
}

double wh__disk_density(void)
{
    return DENSITY;
}
