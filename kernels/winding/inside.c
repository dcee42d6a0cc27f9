/* inside.c - points in a mesh, where its winding number is high: a lattice, so many random ones, or disks. See points.h
 * for the points that are tried, and engine.h for the winding number. */
#include "engine.h"
#include "points.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
WH_PARAMS(sample_inside,
    float spacing  WH_UI(0.05, min = 1e-6, max = 1e6, unit = "m", doc = "Distance from each point of the lattice to the nearest");
    int   across   WH_UI(0, min = 0, max = 1000000,
                         doc = "So many steps along the longest side of the mesh give the spacing; 0: it is as given");
    int   lattice  WH_UI(0, choices = "cubic|body-centred|hexagonal",
                         doc = "Where the points of the lattice are: cubes, cubes with one more point in their middle, or the densest packing");
    float jitter   WH_UI(0, min = 0, max = 1, doc = "How far the points of the lattice are moved at random: 1 is half of the spacing along each axis");
    int   count    WH_UI(0, min = 0, max = 100000000, doc = "So many random points; 0: a lattice, or as many as radius has room for");
    float per_volume WH_UI(0, min = 0, max = 1e18, unit = "1/m3", doc = "So many random points in each cubic metre, when count is 0");
    int   noise    WH_UI(0, choices = "white|blue",
                         doc = "How random points lie: white, each wherever it happens to; blue, evenly spread, no two of them close");
    float radius   WH_UI(0, min = 0, max = 1e6, unit = "m",
                         doc = "Random points so far apart or further (blue noise); 0: as far as count allows");
    float at_least WH_UI(0.5, min = -4, max = 4, doc = "Keep points whose winding number is this or more; on a face it is about 0.5");
    bool  winding  WH_UI(true, doc = "Give each point its winding number; false: 1 in its place, which is faster in meshes with holes and in soups");
    int   seed     WH_UI(0, min = 0, max = 2147483647, doc = "Other random points");
)
/* clang-format on */

#define NO_LIMIT UINT64_MAX
#define MOST_RANDOM 1e12 /* more would take days */
#define MEMORY_SHORT "memory is short (raise spacing or radius, or lower count)"

/* What the plan tells each block: see wh_sample_plan. */
enum { OWN_SPACING, OWN_LAST_RANK };

/* ---- which of these points are inside */

typedef struct {
    const wh_host *host;
    const wh_engine *engine;
    const wh_geometry *mesh;
    float at_least;
    bool winding; /* the number is wanted, not only the side */
} asker;

typedef struct {
    float *x, *y, *z, *value;
    uint64_t *id;
} columns;

static bool tell_sides(const asker *a, uint32_t count, const float *x, const float *y, const float *z, int32_t *whole,
                       float *value, uint8_t *inside)
{
    return wh__engine_inside(a->engine, a->host, a->mesh, a->at_least, a->winding ? WH_VALUES : WH_SIDES, count, x, y,
                             z, whole, value, inside);
}

static void move_point(const columns *c, uint32_t to, uint32_t from)
{
    c->x[to] = c->x[from], c->y[to] = c->y[from], c->z[to] = c->z[from];
    c->value[to] = c->value[from];
    c->id[to] = c->id[from];
}

/* ---- rows of a lattice: a closed surface is crossed by all points of a row at once */

/* Whole rows of a block. What is kept is written at once but for the points that need more than a whole number: they
 * are written too, and go again when they turn out to be outside. */
typedef struct {
    const asker *ask;
    const wh_cloud *cloud;
    const columns *out;
    uint32_t kept;
    int16_t *whole; /* winding number of the surface around each */
    uint8_t *doubt; /* of each, whether the caps may matter; NULL: there are none */
    float *x, *y;   /* of the columns and rows of a slab */
    uint32_t *list; /* those of the kept that need more, rising */
    int32_t *known; /* their whole numbers */
    uint32_t listed, room;
} rows;

/* A cap that winds no more than this changes no answer: whole numbers are so far from the threshold. */
static float harmless(float at_least)
{
    const float above = ceilf(at_least) - at_least, below = at_least - (ceilf(at_least) - 1);
    return fmaxf(fminf(above, below) - 1e-5f, 0);
}

/* Rows of one layer that lie alike: the first has number `first`, others follow by `stride`. */
static bool cross_slab(rows *r, uint64_t row, uint32_t first, uint32_t stride, uint32_t count)
{
    const asker *a = r->ask;
    const wh_row head = wh__cloud_row(r->cloud, row);
    const uint32_t nx = (uint32_t)head.count;
    for (uint32_t i = 0; i < nx; i++)
        r->x[i] = wh__cloud_row_x(r->cloud, &head, i);
    for (uint32_t j = 0; j < count; j++)
        r->y[j] = wh__cloud_row(r->cloud, row + (uint64_t)j * stride).y;
    const wh_slab slab = {.x = r->x,
                          .y = r->y,
                          .z = &head.z,
                          .nx = nx,
                          .ny = count,
                          .nz = 1,
                          .row = (size_t)nx * stride,
                          .layer = (size_t)nx * stride * count};
    uint64_t open;
    return wh__lattice_rows(a->host, a->engine->surface, &slab, r->whole + first, &open) &&
           (!r->doubt || wh__doubt_mark(a->host, a->engine->doubt, &slab, harmless(a->at_least), r->doubt + first));
}

/* So many rows of one layer, from `row` on; they lie alike, or each second one does. */
static bool cross_layer(rows *r, uint64_t row, uint32_t first, uint32_t count)
{
    const wh_row head = wh__cloud_row(r->cloud, row);
    const uint32_t turns = count > 1 && head.shift != wh__cloud_row(r->cloud, row + 1).shift ? 2 : 1;
    for (uint32_t t = 0; t < turns; t++)
        if (!cross_slab(r, row + t, first + t * (uint32_t)head.count, turns, (count - t + turns - 1) / turns))
            return false;
    return true;
}

/* Notes that the last `count` points written need more than their whole number. */
static bool list_points(rows *r, uint32_t count, int32_t whole)
{
    const wh_host *host = r->ask->host;
    if (count > r->room - r->listed) {
        const uint32_t room = 2 * r->room + count + 1024;
        uint32_t *list = host->alloc(host, room * (sizeof *list + sizeof *r->known));
        if (!list)
            return false;
        int32_t *known = (int32_t *)(list + room);
        if (r->listed) {
            memcpy(list, r->list, r->listed * sizeof *list);
            memcpy(known, r->known, r->listed * sizeof *known);
        }
        host->free(host, r->list);
        r->list = list, r->known = known, r->room = room;
    }
    for (uint32_t i = 0; i < count; i++) {
        r->list[r->listed] = r->kept - count + i;
        r->known[r->listed++] = whole;
    }
    return true;
}

static void put_points(rows *r, const wh_row *row, uint32_t from, uint32_t count, float value)
{
    const columns c = {r->out->x + r->kept, r->out->y + r->kept, r->out->z + r->kept, r->out->value + r->kept,
                       r->out->id + r->kept};
    for (uint32_t i = 0; i < count; i++)
        c.x[i] = wh__cloud_row_x(r->cloud, row, from + i);
    for (uint32_t i = 0; i < count; i++)
        c.y[i] = row->y;
    for (uint32_t i = 0; i < count; i++)
        c.z[i] = row->z;
    for (uint32_t i = 0; i < count; i++)
        c.value[i] = value;
    for (uint32_t i = 0; i < count; i++)
        c.id[i] = row->id + from + i;
    r->kept += count;
}

static uint32_t end_of_span(const int16_t *whole, const uint8_t *doubt, uint32_t i, uint32_t count)
{
    const uint32_t first = i++;
    while (i < count && whole[i] == whole[first] && (!doubt || doubt[i] == doubt[first]))
        i++;
    return i;
}

/* Points of a row: spans of one whole number each. */
static bool take_row(rows *r, const wh_row *row, const int16_t *whole, const uint8_t *doubt)
{
    const asker *a = r->ask;
    for (uint32_t i = 0, end; i < row->count; i = end) {
        const bool open = whole[i] == WH_LATTICE_OPEN || (doubt && doubt[i]);
        const bool inside = whole[i] >= a->at_least;
        end = end_of_span(whole, doubt, i, (uint32_t)row->count);
        if (!open && !inside)
            continue;
        put_points(r, row, i, end - i, a->winding ? whole[i] : 1);
        if ((open || (doubt && a->winding)) &&
            !list_points(r, end - i, whole[i] == WH_LATTICE_OPEN ? WH_NOT_PROVEN : whole[i]))
            return false;
    }
    return true;
}

/* Takes those out of the listed that are outside; inside: of each of them. */
static void drop_points(rows *r, const uint8_t *inside)
{
    uint32_t to = r->list[0], next = 0;
    for (uint32_t i = to; i < r->kept; i++) {
        const bool listed = next < r->listed && r->list[next] == i;
        move_point(r->out, to, i);
        to += !listed || inside[next];
        next += listed;
    }
    r->kept = to;
}

static bool ask_listed(rows *r)
{
    const asker *a = r->ask;
    const uint32_t count = r->listed;
    float *x = count ? a->host->alloc(a->host, (size_t)count * (4 * sizeof *x + 1)) : NULL;
    if (!x)
        return count == 0;
    float *y = x + count, *z = y + count, *value = z + count;
    uint8_t *inside = (uint8_t *)(value + count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from = r->list[i];
        x[i] = r->out->x[from], y[i] = r->out->y[from], z[i] = r->out->z[from];
    }
    const bool ok = tell_sides(a, count, x, y, z, r->known, value, inside);
    for (uint32_t i = 0; ok && i < count; i++)
        r->out->value[r->list[i]] = a->winding ? value[i] : 1;
    if (ok)
        drop_points(r, inside);
    a->host->free(a->host, x);
    return ok;
}

static bool take_rows(rows *r, uint64_t begin, uint64_t end)
{
    const uint64_t nx = r->cloud->count[0], ny = r->cloud->count[1];
    for (uint64_t row = begin, next; row < end; row = next) {
        next = row + (ny - row % ny) < end ? row + (ny - row % ny) : end;
        if (!cross_layer(r, row, (uint32_t)((row - begin) * nx), (uint32_t)(next - row)))
            return false;
    }
    for (uint64_t row = begin; row < end; row++) {
        const wh_row at = wh__cloud_row(r->cloud, row);
        const size_t first = (row - begin) * nx;
        if (!take_row(r, &at, r->whole + first, r->doubt ? r->doubt + first : NULL))
            return false;
    }
    return ask_listed(r);
}

/* As find_points, for candidates that are whole rows. */
static bool find_rows(const asker *a, const wh_cloud *cloud, uint64_t first, uint32_t count, const columns *c,
                      uint32_t *kept)
{
    const uint64_t nx = cloud->count[0], begin = first / nx, end = begin + count / nx;
    const bool caps = a->engine->caps;
    const size_t room = (size_t)(nx + (end - begin)) * sizeof(float) + count * (sizeof(int16_t) + caps);
    rows r = {.ask = a, .cloud = cloud, .out = c, .x = a->host->alloc(a->host, room)};
    if (!r.x)
        return false;
    r.y = r.x + nx;
    r.whole = (int16_t *)(r.y + (end - begin));
    r.doubt = caps ? (uint8_t *)(r.whole + count) : NULL;
    if (caps)
        memset(r.doubt, 0, count);
    const bool ok = take_rows(&r, begin, end);
    *kept = r.kept;
    a->host->free(a->host, r.list);
    a->host->free(a->host, r.x);
    return ok;
}

static bool has_rows(const asker *a, const wh_cloud *cloud, uint64_t first, uint32_t count)
{
    if (!a->engine->surface || cloud->asked.kind != WH_CLOUD_LATTICE || cloud->asked.jitter > 0 ||
        cloud->candidates == 0 || count == 0)
        return false;
    return first % cloud->count[0] == 0 && count % cloud->count[0] == 0;
}

/* ---- points of a block */

static bool find_points(const asker *a, const wh_cloud *cloud, uint64_t first, uint32_t count, const columns *c,
                        uint32_t *kept)
{
    uint32_t tried = 0;
    if (!wh__cloud_points(a->host, cloud, first, count, c->x, c->y, c->z, c->id, &tried))
        return false;
    uint8_t *inside = a->host->alloc(a->host, tried + 1);
    const bool ok = inside && tell_sides(a, tried, c->x, c->y, c->z, NULL, c->value, inside);
    for (uint32_t i = 0; ok && i < tried; i++) {
        move_point(c, *kept, i);
        if (!a->winding)
            c->value[*kept] = 1;
        *kept += inside[i];
    }
    a->host->free(a->host, inside);
    return ok;
}

/* Candidates first .. first + count - 1 that are inside, packed. *kept: how many. False when memory is short. */
static bool find_inside(const asker *a, const wh_cloud *cloud, uint64_t first, uint32_t count, const columns *c,
                        uint32_t *kept)
{
    *kept = 0;
    return has_rows(a, cloud, first, count) ? find_rows(a, cloud, first, count, c, kept)
                                            : find_points(a, cloud, first, count, c, kept);
}

/* ---- what is asked for, as points */

static bool is_disks(const sample_inside *p)
{
    return p->radius > 0 || (p->noise && (p->count || p->per_volume > 0));
}

static bool is_random(const sample_inside *p)
{
    return p->count || p->per_volume > 0;
}

static double box_volume(const wh_cloud_request *r)
{
    return r->empty ? 0 : (r->high[0] - r->low[0]) * (r->high[1] - r->low[1]) * (r->high[2] - r->low[2]);
}

static double disk_spacing(const sample_inside *p)
{
    return p->radius == 0 && !p->count ? cbrt(wh__disk_density() / p->per_volume) : p->radius;
}

static double longest_side(const wh_cloud_request *r)
{
    return fmax(r->high[0] - r->low[0], fmax(r->high[1] - r->low[1], r->high[2] - r->low[2]));
}

static double lattice_spacing(const sample_inside *p, const wh_cloud_request *r)
{
    const double longest = r->empty ? 0 : longest_side(r);
    return p->across && longest > 0 ? longest / p->across : p->spacing;
}

static const char *given(const sample_inside *p)
{
    if (is_disks(p))
        return p->radius > 0 ? "radius" : p->count ? "count" : "per_volume";
    return p->across ? "across" : "spacing";
}

static wh_cloud_request request_of(const sample_inside *p, const void *state)
{
    wh_cloud_request r = {.seed = (uint64_t)p->seed, .last_rank = NO_LIMIT, .given = given(p)};
    r.empty = !wh__engine_box(state, r.low, r.high);
    r.kind = is_disks(p) ? WH_CLOUD_DISKS : is_random(p) ? WH_CLOUD_RANDOM : WH_CLOUD_LATTICE;
    r.lattice = (wh_lattice_kind)p->lattice;
    r.jitter = p->jitter;
    r.spacing = r.kind == WH_CLOUD_DISKS ? disk_spacing(p) : lattice_spacing(p, &r);
    return r;
}

/* ---- so many disks: how far apart, and which is the last */

#define PROBES 16384 /* random points that tell how much of the box is inside, in parts for threads */
#define MOST_PROBES (PROBES << 8)
#define PARTS 16
#define MOST_ROUNDS 12
#define MOST_ROOM 30 /* times as many disks as are wanted, that are thrown for a radius */

static bool alloc_columns(const wh_host *host, uint32_t count, columns *c)
{
    char *room = host->alloc(host, count * (sizeof *c->id + 4 * sizeof(float)) + 1);
    if (!room)
        return false;
    c->id = (uint64_t *)(void *)room;
    c->x = (float *)(c->id + count);
    c->y = c->x + count, c->z = c->y + count, c->value = c->z + count;
    return true;
}

typedef struct { /* all blocks of a cloud */
    asker ask;
    wh_cloud cloud;
    uint64_t first; /* candidate that they begin with */
    uint32_t *kept; /* of each block */
    uint64_t **id;  /* of each block, what was kept; NULL: nobody asks */
    atomic_bool failed;
} census;

static void take_ids(census *s, uint32_t block, const uint64_t *id, uint32_t count)
{
    s->id[block] = s->ask.host->alloc(s->ask.host, count * sizeof *id + 1);
    if (s->id[block])
        memcpy(s->id[block], id, count * sizeof *id);
    else
        s->failed = true;
}

static void count_block(void *context, uint32_t block)
{
    census *s = context;
    const uint32_t size = s->cloud.block;
    columns c;
    if (!alloc_columns(s->ask.host, size, &c)) {
        s->failed = true;
        return;
    }
    if (!find_inside(&s->ask, &s->cloud, s->first + (uint64_t)block * size, size, &c, &s->kept[block]))
        s->failed = true;
    else if (s->id)
        take_ids(s, block, c.id, s->kept[block]);
    s->ask.host->free(s->ask.host, c.id);
}

static bool fail_memory(const wh_host *host)
{
    host->fail(host, MEMORY_SHORT);
    return false;
}

/* How much of the box is inside, 0 .. 1. */
static bool probe(const asker *a, const wh_cloud_request *r, double *share)
{
    uint32_t kept[PARTS];
    uint64_t hits = 0, tries = 0;
    census s = {.ask = *a, .kept = kept};
    wh_cloud_request white = *r;
    white.kind = WH_CLOUD_RANDOM;
    wh__cloud_make(NULL, &white, &s.cloud);
    while (hits < 64 && tries < MOST_PROBES) {
        s.first = tries;
        s.cloud.block = (tries ? (uint32_t)tries : PROBES) / PARTS;
        if (!a->host->parallel_for(a->host, PARTS, count_block, &s))
            return false;
        if (s.failed)
            return fail_memory(a->host);
        for (int i = 0; i < PARTS; i++)
            hits += kept[i];
        tries += (uint64_t)s.cloud.block * PARTS;
    }
    *share = (double)hits / (double)tries;
    return true;
}

/* The value that would stand at `place` if they were sorted (C. A. R. Hoare, Find, 1961). */
static uint64_t select_value(uint64_t *value, uint64_t count, uint64_t place)
{
    uint64_t low = 0, high = count;
    while (high - low > 1) {
        const uint64_t pivot = value[low + (high - low) / 2];
        uint64_t less = low, at = low, more = high;
        while (at < more) {
            const uint64_t v = value[at];
            if (v < pivot)
                value[at++] = value[less], value[less++] = v;
            else if (v > pivot)
                value[at] = value[--more], value[more] = v;
            else
                at++;
        }
        if (place >= less && place < more)
            return pivot;
        low = place < less ? low : more;
        high = place < less ? less : high;
    }
    return value[low];
}

/* All ids in one list of *total; NULL when memory is short. Frees the lists of the blocks. */
static uint64_t *join_ids(census *s, uint32_t blocks, uint64_t *total)
{
    const wh_host *host = s->ask.host;
    uint64_t at = 0, sum = 0;
    for (uint32_t i = 0; i < blocks; i++)
        sum += s->kept[i];
    uint64_t *all = s->failed ? NULL : host->alloc(host, sum * sizeof *all + 1);
    for (uint32_t i = 0; i < blocks; i++) {
        if (all && s->id[i])
            memcpy(all + at, s->id[i], s->kept[i] * sizeof *all);
        at += s->kept[i];
        host->free(host, s->id[i]);
    }
    *total = sum;
    return all;
}

/* Throws all disks of that radius: *total are inside, and *last is the rank of the wanted-th. */
static bool throw_disks(const asker *a, wh_cloud_request r, uint64_t wanted, uint64_t *total, uint64_t *last)
{
    const wh_host *host = a->host;
    census s = {.ask = *a};
    r.ranks = true;
    if (!wh__cloud_make(host, &r, &s.cloud))
        return false;
    const uint32_t blocks = (uint32_t)(s.cloud.candidates / s.cloud.block);
    s.kept = host->alloc(host, blocks * sizeof *s.kept + 1);
    s.id = host->alloc(host, blocks * sizeof *s.id + 1);
    uint64_t *all = NULL;
    bool done = s.kept && s.id;
    if (done) {
        memset(s.kept, 0, blocks * sizeof *s.kept);
        memset(s.id, 0, blocks * sizeof *s.id);
        done = host->parallel_for(host, blocks, count_block, &s);
        all = join_ids(&s, blocks, total);
    }
    if (done && all && *total >= wanted)
        *last = select_value(all, *total, wanted - 1);
    if (!all)
        fail_memory(host);
    host->free(host, all);
    host->free(host, s.id);
    host->free(host, s.kept);
    return done && all;
}

static bool fail_room(const wh_host *host, uint64_t total, const sample_inside *p)
{
    char text[160];
    snprintf(text, sizeof text, "there is room for %llu points %g m apart, not for %d (lower radius or count)",
             (unsigned long long)total, (double)p->radius, p->count);
    host->fail(host, text);
    return false;
}

static bool fail_nothing(const wh_host *host)
{
    char text[160];
    snprintf(text, sizeof text, "none of %d random points is inside (does the mesh enclose anything? see at_least)",
             MOST_PROBES);
    host->fail(host, text);
    return false;
}

/* The distance that leaves room for a little more than so many, found by throwing them; *last as throw_disks gives it.
 */
static bool choose_radius(const asker *a, wh_cloud_request *r, uint64_t wanted, uint64_t *last)
{
    double share, target = (double)wanted * 1.02 + 3 * pow((double)wanted, 1.0 / 3) + 1;
    if (!probe(a, r, &share))
        return false;
    if (share == 0)
        return fail_nothing(a->host);
    r->spacing = cbrt(share * box_volume(r) * wh__disk_density() / target);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        uint64_t total;
        if (!throw_disks(a, *r, wanted, &total, last))
            return false;
        if (total >= wanted && ((double)total < 1.1 * target || round > MOST_ROUNDS / 2))
            return true;
        const double off = ((double)total + 1) / target;
        r->spacing *= fmax(cbrt(off), 0.5);
        if (total < wanted)
            r->spacing *= 1 - 0.02 * round; /* in a thin mesh the number may never settle */
    }
    a->host->fail(a->host, "no radius gives so many disks (give a radius, or a higher count)");
    return false;
}

/* Where a radius leaves room for very many more points than are wanted, they are thrown further apart: nobody has to
 * wait for the others. */
static bool widen(const asker *a, wh_cloud_request *r, double wanted)
{
    double share, room = box_volume(r) * wh__disk_density() / (r->spacing * r->spacing * r->spacing);
    if (room < MOST_ROOM * wanted)
        return true;
    if (!probe(a, r, &share))
        return false;
    if (share * room > MOST_ROOM * wanted)
        r->spacing *= cbrt(share * room / (MOST_ROOM * wanted));
    return true;
}

static bool plan_disks(const asker *a, const sample_inside *p, wh_cloud_request *r)
{
    uint64_t total;
    if (r->empty || !p->count)
        return true;
    if (p->radius == 0)
        return choose_radius(a, r, (uint64_t)p->count, &r->last_rank);
    if (!widen(a, r, p->count) || !throw_disks(a, *r, (uint64_t)p->count, &total, &r->last_rank))
        return false;
    return total >= (uint64_t)p->count || fail_room(a->host, total, p);
}

static bool fail_volume(const wh_host *host, double points)
{
    char text[160];
    snprintf(text, sizeof text, "%.4g random points in the box of the mesh are more than %g (lower per_volume)", points,
             MOST_RANDOM);
    host->fail(host, text);
    return false;
}

/* Points are tried until there are enough; or as many are tried as the volume of the box says. */
static bool plan_random(const wh_host *host, const sample_inside *p, const wh_cloud_request *r, wh_sample_plan *out)
{
    const double tries = floor((double)p->per_volume * box_volume(r) + 0.5);
    const uint64_t wanted = (uint64_t)p->count;
    if (!p->count && tries > MOST_RANDOM)
        return fail_volume(host, tries);
    out->wanted = p->count ? wanted : NO_LIMIT;
    out->candidates = r->empty ? 0 : p->count ? 1000 * wanted + 1000000 : (uint64_t)tries;
    const uint64_t some = p->count ? wanted : (uint64_t)tries;
    out->block = some < 256       ? 64
                 : some > 1048576 ? 65536
                 : some > 16384   ? 4096
                                  : (uint32_t)some / 4; /* for all threads */
    return true;
}

/* ---- the kernel */

/* Random points are tried until there are enough; of lattices and disks all. */
static bool sample_inside_plan(const wh_host *host, const wh_geometry *mesh, const void *params, const void *state,
                               wh_sample_plan *out)
{
    const sample_inside *p = params;
    const asker a = {host, state, mesh, p->at_least, p->winding};
    wh_cloud_request r = request_of(p, state);
    wh_cloud cloud;
    if (r.kind == WH_CLOUD_DISKS && !plan_disks(&a, p, &r))
        return false;
    if (!wh__cloud_make(host, &r, &cloud))
        return false;
    if (!has_rows(&a, &cloud, 0, cloud.block) && !wh__engine_add_rays(a.engine, host))
        return fail_memory(host);
    out->wanted = UINT64_MAX;
    out->candidates = cloud.candidates;
    out->block = cloud.block;
    if (r.kind == WH_CLOUD_RANDOM && !plan_random(host, p, &r, out))
        return false;
    memcpy(&out->own[OWN_SPACING], &r.spacing, sizeof r.spacing);
    out->own[OWN_LAST_RANK] = r.last_rank;
    return true;
}

static uint32_t sample_inside_sample(const wh_sample_block *b)
{
    const sample_inside *p = b->params;
    const asker a = {b->host, b->state, b->mesh, p->at_least, p->winding};
    const columns c = {b->x, b->y, b->z, b->value, b->id};
    wh_cloud_request r = request_of(p, b->state);
    wh_cloud cloud;
    uint32_t kept = 0;
    memcpy(&r.spacing, &b->plan->own[OWN_SPACING], sizeof r.spacing);
    r.last_rank = b->plan->own[OWN_LAST_RANK];
    if (!wh__cloud_make(NULL, &r, &cloud))
        return 0;
    if (!find_inside(&a, &cloud, b->first, b->count, &c, &kept))
        b->host->fail(b->host, MEMORY_SHORT);
    return kept;
}

static void *sample_inside_prepare(const wh_host *host, const wh_geometry *mesh, const void *params)
{
    (void)params;
    wh_engine *e = wh__engine_build(host, mesh);
    if (!e || wh__engine_add_layers(host, e))
        return e;
    wh__engine_free(host, e);
    fail_memory(host);
    return NULL;
}

static void sample_inside_release(const wh_host *host, void *state)
{
    wh__engine_free(host, state);
}

WH_KERNEL(sample_inside, .needs = WH_NEEDS_TRIANGLES | WH_NEEDS_POSITIONS | WH_STATE_OF_MESH,
          .doc = "Points inside the mesh: a lattice, so many random ones, or evenly spread ones",
          .source = "Jacobson, Kavan, Sorkine-Hornung 2013; van Oosterom, Strackee 1983; Cook 1986",
          .prepare = sample_inside_prepare, .release = sample_inside_release, .plan = sample_inside_plan,
          .sample = sample_inside_sample, .state = WH_STATE_TEXT(wh_engine), .state_size = sizeof(wh_engine));
