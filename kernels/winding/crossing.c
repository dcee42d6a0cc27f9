/* crossing.c - see crossing.h.
 *
 * A column's height is told in 64 levels; triangles whose levels overlap or touch are in one cluster. What a cluster
 * adds to the winding number of the gap below it is found along a test ray near the middle of the column, from the gap
 * at the top, where there is nothing.
 *
 * An item is a word: face in the low half, and above it five fields of five bits, with a spare bit each: lowest and
 * highest fine cell along u and v, and upper end. One subtraction compares all fields with a query's. */
#include "crossing.h"
#include "orient.h"
#include <float.h>
#include <string.h>

#define GROUP 64        /* queries that wait for memory together */
#define FINE 32         /* fine cells across a column, and levels of a cluster */
#define SHIFT 5         /* 2^SHIFT == FINE */
#define MOST_CELLS 4096 /* columns along an axis: floats tell 2^22 fine cells apart */
#define STRIP 8         /* rows of columns that one job of the build takes */
#define MOST_ITEMS 12   /* for each face, or columns become wider */
#define DENSITY 0.2     /* columns for each face */
#define FACE_BAND 4096  /* faces that one job takes */
#define MIDDLE 15       /* fine cell of a column's test ray */
#define PAIRS 256       /* queries with a triangle that wait for memory together */

#if defined(__GNUC__) && !defined(__TINYC__)
#define FETCH(p) __builtin_prefetch(p)
#else
#define FETCH(p) (void)(p)
#endif

/* ---- memory */

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

/* ---- places */

static inline uint32_t axis_u(const wh_crossing *c)
{
    return c->axis == 2 ? 0 : c->axis + 1;
}

static inline uint32_t axis_v(const wh_crossing *c)
{
    return c->axis == 0 ? 2 : c->axis - 1;
}

/* Fine cell along u or v; never falls when the coordinate rises, so a triangle has none but those between its ends'. */
static inline int32_t fine_cell(const wh_crossing *c, float value, uint32_t k, uint32_t cells)
{
    int32_t last = (int32_t)(cells * FINE) - 1, i = (int32_t)((value - c->low[k]) * c->scale);
    return i < last ? i : last;
}

static inline int32_t fine_u(const wh_crossing *c, float u)
{
    return fine_cell(c, u, 0, c->columns);
}

static inline int32_t fine_v(const wh_crossing *c, float v)
{
    return fine_cell(c, v, 1, c->rows);
}

/* Level of a height in a cluster; never falls when the height rises. */
static inline uint64_t level_of(float value, float low, float scale)
{
    float level = (value - low) * scale;
    return level < FINE - 1 ? (uint64_t)level : FINE - 1;
}

static inline float level_scale(const wh_cluster *k)
{
    float height = k->high - k->low;
    return height > 0 ? (FINE - 0.5f) / height : 0;
}

/* ---- items */

#define LANE(k) (6 * (k) + 32)
#define SPARE (32ull << LANE(0) | 32ull << LANE(1) | 32ull << LANE(2) | 32ull << LANE(3) | 32ull << LANE(4))

/* A query at these fine cells and level: it can meet an item when no field of the item is above its own. */
static inline uint64_t query_word(int32_t u, int32_t v, uint64_t level)
{
    uint64_t a = (uint64_t)(u & (FINE - 1)), b = (uint64_t)(v & (FINE - 1)), last = FINE - 1;
    return SPARE | UINT32_MAX | a << LANE(0) | (last - a) << LANE(1) | b << LANE(2) | (last - b) << LANE(3) |
           (last - level) << LANE(4);
}

static inline bool can_meet(uint64_t query, uint64_t item)
{
    return ((query - item) & SPARE) == SPARE;
}

static inline uint32_t count_bits(uint64_t v)
{
    uint32_t n = 0;
#if defined(__GNUC__) && !defined(__TINYC__)
    n = (uint32_t)__builtin_popcountll(v);
#else
    for (; v; v &= v - 1)
        n++;
#endif
    return n;
}

static inline uint64_t clamp_cell(int32_t cell, int32_t begin)
{
    int32_t i = cell - begin;
    return i < 0 ? 0 : i < FINE ? (uint64_t)i : FINE - 1;
}

typedef struct {            /* what the build knows of a face */
    int32_t u0, u1, v0, v1; /* fine cells */
    wh_range d;             /* along the axis */
} shadow;

/* The item of a face, at the highest level, in the column whose first fine cells are these. */
static uint64_t item_word(const shadow *s, uint32_t face, int32_t u, int32_t v)
{
    uint64_t last = FINE - 1;
    return face | clamp_cell(s->u0, u) << LANE(0) | (last - clamp_cell(s->u1, u)) << LANE(1) |
           clamp_cell(s->v0, v) << LANE(2) | (last - clamp_cell(s->v1, v)) << LANE(3);
}

/* ---- build: the grid */

/* The axis along which the faces, seen from it, have most area: there they are least steep. */
static uint32_t choose_axis(const wh_surface *s)
{
    double area[3] = {0, 0, 0};
    for (uint32_t i = 0; i < s->count; i++) {
        const float *a = s->face[i].corner[0], *b = s->face[i].corner[1], *c = s->face[i].corner[2];
        float ex = b[0] - a[0], ey = b[1] - a[1], ez = b[2] - a[2], fx = c[0] - a[0], fy = c[1] - a[1],
              fz = c[2] - a[2];
        area[0] += (double)fabsf(ey * fz - ez * fy);
        area[1] += (double)fabsf(ez * fx - ex * fz);
        area[2] += (double)fabsf(ex * fy - ey * fx);
    }
    return area[0] > area[1] && area[0] > area[2] ? 0 : area[1] > area[2] ? 1 : 2;
}

static uint32_t cells_along(double length, double width)
{
    double n = ceil(length / width);
    return n < 1 ? 1 : n > MOST_CELLS ? MOST_CELLS : (uint32_t)n;
}

/* False when floats cannot number the columns. */
static bool set_grid(wh_crossing *c, const wh_surface *s, double cells)
{
    uint32_t axis[3] = {axis_u(c), axis_v(c), c->axis};
    double size[3];
    for (int k = 0; k < 3; k++) {
        c->low[k] = s->low[axis[k]];
        c->high[k] = s->high[axis[k]];
        size[k] = (double)c->high[k] - c->low[k];
    }
    double longer = fmax(size[0], size[1]);
    double width = fmax(sqrt(size[0] * size[1] / cells), longer / fmin(cells, MOST_CELLS));
    c->columns = c->rows = 0;
    if (!(width > 1e-30 && fmax(longer, size[2]) < 1e30))
        return false;
    c->scale = (float)(FINE / width);
    c->columns = cells_along(size[0], width);
    c->rows = cells_along(size[1], width);
    return true;
}

typedef struct { /* rows of columns that one job takes */
    wh_cluster *found;
    uint32_t count, first; /* clusters, and the first of them among all */
    bool open;             /* a sum is not 0 at the bottom of its column */
} strip;

typedef struct {
    const wh_host *host;
    wh_crossing *c;
    shadow *shadow; /* of each face */
    strip *strip;
    uint32_t *count; /* clusters of each column */
} builder;

static uint32_t count_strips(const wh_crossing *c)
{
    return (c->rows - 1) / STRIP + 1;
}

/* ---- build: items */

static void cast_band(void *context, uint32_t band)
{
    builder *b = context;
    const wh_crossing *c = b->c;
    uint32_t first = band * FACE_BAND, end = c->face_count - first < FACE_BAND ? c->face_count : first + FACE_BAND;
    for (uint32_t i = first; i < end; i++) {
        const wh_face *f = c->face + i;
        wh_range u = wh__face_range(f, axis_u(c)), v = wh__face_range(f, axis_v(c));
        b->shadow[i] = (shadow){fine_u(c, u.low), fine_u(c, u.high), fine_v(c, v.low), fine_v(c, v.high),
                                wh__face_range(f, c->axis)};
    }
}

typedef struct {
    int32_t low, high;
} span;

static void widen(double value, double *low, double *high)
{
    *low = value < *low ? value : *low;
    *high = value > *high ? value : *high;
}

/* The columns of a row over which a triangle is, and perhaps one more at either end. */
static span cut_row(const wh_crossing *c, const wh_face *f, span all, int32_t row)
{
    double fine = 1 / (double)c->scale, low = DBL_MAX, high = -DBL_MAX;
    double v0 = c->low[1] + (row * FINE - 1) * fine, v1 = c->low[1] + (row * FINE + FINE + 1) * fine;
    for (uint32_t k = 0; k < 3; k++) {
        const float *p = f->corner[k], *q = f->corner[k == 2 ? 0 : k + 1];
        double pu = p[axis_u(c)], pv = p[axis_v(c)], qu = q[axis_u(c)], qv = q[axis_v(c)];
        if (pv >= v0 && pv <= v1)
            widen(pu, &low, &high);
        if ((pv < v0) != (qv < v0))
            widen(pu + (qu - pu) * ((v0 - pv) / (qv - pv)), &low, &high);
        if ((pv < v1) != (qv < v1))
            widen(pu + (qu - pu) * ((v1 - pv) / (qv - pv)), &low, &high);
    }
    double first = floor((low - c->low[0]) * c->scale - 1) / FINE, last = ((high - c->low[0]) * c->scale + 1) / FINE;
    all.low = first > all.low ? (int32_t)first : all.low;
    all.high = last < all.high ? (int32_t)last : all.high;
    return all;
}

/* Counts a face in each of its columns, or puts it there when there are items. */
static inline void visit(const builder *b, uint32_t i, uint32_t *at, uint64_t *item)
{
    const wh_crossing *c = b->c;
    const shadow *s = b->shadow + i;
    span u = {s->u0 >> SHIFT, s->u1 >> SHIFT}, v = {s->v0 >> SHIFT, s->v1 >> SHIFT};
    bool cut = u.high - u.low > 1 && v.high - v.low > 1;
    for (int32_t row = v.low; row <= v.high; row++) {
        span part = cut ? cut_row(c, c->face + i, u, row) : u;
        uint32_t *p = at + (size_t)row * c->columns;
        for (int32_t k = part.low; k <= part.high; k++) {
            if (item)
                item[p[k]] = item_word(s, i, k * FINE, row * FINE);
            p[k]++;
        }
    }
}

/* Fills column with where the items of each begin. Returns how many there are. */
static uint64_t count_items(const builder *b)
{
    const wh_crossing *c = b->c;
    size_t count = (size_t)c->columns * c->rows;
    uint64_t sum = 0;
    memset(c->column, 0, (count + 2) * sizeof *c->column);
    for (uint32_t i = 0; i < c->face_count; i++)
        visit(b, i, c->column + 2, NULL);
    for (size_t i = 2; i < count + 2; i++) {
        sum += c->column[i];
        c->column[i] = (uint32_t)sum;
    }
    return sum;
}

/* ---- build: clusters */

/* How often the triangle, seen along the axis, winds around the point. */
static int32_t winding_along(const wh_crossing *c, const wh_face *f, double u, double v)
{
    int32_t sum = 0;
    uint32_t iu = axis_u(c), iv = axis_v(c);
    for (uint32_t k = 0; k < 3; k++) {
        const float *p = f->corner[k], *q = f->corner[k == 2 ? 0 : k + 1];
        bool up = p[iv] <= v;
        if (up == (q[iv] <= v))
            continue;
        const float *low = up ? p : q, *high = up ? q : p;
        if (wh__side(low[iu], low[iv], high[iu], high[iv], u, v) == 1)
            sum += up ? 1 : -1;
    }
    return sum;
}

typedef struct { /* a column under way */
    size_t begin, end;
    float low, scale; /* its height in 64 levels; ranges of levels that overlap are one cluster */
    uint64_t tops;    /* a bit for the highest level of each cluster */
    uint32_t count;   /* of clusters, at most 32 */
    wh_cluster cluster[32];
    uint32_t size[32];
    int32_t winding[32]; /* of each along the test ray */
} stack;

static inline const shadow *shadow_of(const builder *b, size_t item)
{
    return b->shadow + (uint32_t)b->c->item[item];
}

static inline uint32_t height_of(const stack *k, float d)
{
    float level = (d - k->low) * k->scale;
    return level < 63 ? (uint32_t)level : 63;
}

static void find_tops(const builder *b, stack *k)
{
    float low = FLT_MAX, high = -FLT_MAX;
    uint64_t covered = 0;
    for (size_t i = k->begin; i < k->end; i++) {
        low = wh_min(low, shadow_of(b, i)->d.low);
        high = wh_max(high, shadow_of(b, i)->d.high);
    }
    k->low = low;
    k->scale = high > low ? 63.5f / (high - low) : 0;
    for (size_t i = k->begin; i < k->end; i++) {
        uint32_t l = height_of(k, shadow_of(b, i)->d.low), h = height_of(k, shadow_of(b, i)->d.high);
        covered |= UINT64_MAX >> (63 - (h - l)) << l;
    }
    k->tops = covered & ~(covered >> 1);
    k->count = count_bits(k->tops);
    for (uint32_t i = 0; i < k->count; i++) {
        k->cluster[i] = (wh_cluster){-FLT_MAX, FLT_MAX, 0, 0};
        k->size[i] = 0;
        k->winding[i] = 0;
    }
}

/* Finds the cluster of each item, and keeps its number where the level will be. */
static void fill_clusters(const builder *b, stack *k, double u, double v)
{
    const wh_crossing *c = b->c;
    for (size_t i = k->begin; i < k->end; i++) {
        wh_range d = shadow_of(b, i)->d;
        uint32_t n = count_bits(k->tops >> height_of(k, d.low)) - 1; /* those above it come first */
        wh_cluster *into = k->cluster + n;
        into->low = wh_min(into->low, d.low);
        into->high = wh_max(into->high, d.high);
        k->size[n]++;
        if (can_meet(query_word(MIDDLE, MIDDLE, 0), c->item[i]))
            k->winding[n] += winding_along(c, c->face + (uint32_t)c->item[i], u, v);
        c->item[i] |= (uint64_t)n << LANE(4);
    }
}

/* Brings each item to its cluster. */
static void sort_items(const builder *b, stack *k)
{
    uint64_t *item = b->c->item;
    uint32_t at[32], first = (uint32_t)k->begin;
    for (uint32_t i = 0; i < k->count; i++) {
        at[i] = k->cluster[i].first = first;
        first += k->size[i];
    }
    for (uint32_t i = 0; i + 1 < k->count; i++)
        for (uint32_t end = k->cluster[i].first + k->size[i]; at[i] < end;) {
            uint64_t moving = item[at[i]];
            uint32_t n = moving >> LANE(4) & (FINE - 1);
            item[at[i]] = item[at[n]];
            item[at[n]++] = moving;
        }
}

static void set_levels(const builder *b, const wh_cluster *k, uint32_t size)
{
    uint64_t *item = b->c->item;
    float scale = level_scale(k);
    for (size_t i = k->first; i < k->first + (size_t)size; i++) {
        uint64_t level = level_of(shadow_of(b, i)->d.high, k->low, scale);
        item[i] = (item[i] & ~((FINE - 1ull) << LANE(4))) | (FINE - 1 - level) << LANE(4);
    }
}

static void build_column(builder *b, strip *into, uint32_t row, uint32_t i)
{
    const wh_crossing *c = b->c;
    size_t at = (size_t)row * c->columns + i;
    double fine = 1 / (double)c->scale;
    stack k = {.begin = c->column[at], .end = c->column[at + 1]};
    int32_t sum = 0;
    b->count[at] = 0;
    if (k.begin == k.end)
        return;
    find_tops(b, &k);
    fill_clusters(b, &k, c->low[0] + (i * FINE + MIDDLE + 0.493) * fine,
                  c->low[1] + (row * FINE + MIDDLE + 0.519) * fine);
    sort_items(b, &k);
    for (uint32_t n = 0; n < k.count; n++) {
        set_levels(b, k.cluster + n, k.size[n]);
        k.cluster[n].above = sum;
        into->found[into->count++] = k.cluster[n];
        sum += k.winding[n];
    }
    b->count[at] = k.count;
    into->open |= sum != 0;
}

/* What columns need comes from all over memory, so it is sent for early. */
static void fetch_column(const builder *b, uint32_t row, uint32_t column)
{
    const wh_crossing *c = b->c;
    size_t at = (size_t)row * c->columns + column;
    if (column >= c->columns)
        return;
    for (size_t i = c->column[at]; i < c->column[at + 1]; i++) {
        FETCH(b->shadow + (uint32_t)c->item[i]);
        if (can_meet(query_word(MIDDLE, MIDDLE, 0), c->item[i]))
            FETCH(c->face + (uint32_t)c->item[i]);
    }
}

static void build_strip(void *context, uint32_t number)
{
    builder *b = context;
    const wh_crossing *c = b->c;
    const uint32_t first = number * STRIP, last = c->rows - first < STRIP ? c->rows : first + STRIP;
    const uint32_t *begin = c->column + (size_t)first * c->columns, *end = c->column + (size_t)last * c->columns;
    strip *into = b->strip + number;
    into->found = get(b->host, *end - *begin, sizeof *into->found); /* at most; what is not used is never touched */
    for (uint32_t row = first; into->found && row < last; row++)
        for (uint32_t i = 0; i < c->columns; i++) {
            fetch_column(b, row, i + 2);
            build_column(b, into, row, i);
        }
}

/* Brings the clusters of a strip to their place, and lets the columns name them in place of their items. */
static void pack_strip(void *context, uint32_t number)
{
    const builder *b = context;
    wh_crossing *c = b->c;
    const strip *from = b->strip + number;
    const uint32_t first = number * STRIP, last = c->rows - first < STRIP ? c->rows : first + STRIP;
    uint32_t sum = from->first;
    memcpy(c->cluster + from->first, from->found, from->count * sizeof *from->found);
    for (size_t i = (size_t)first * c->columns; i < (size_t)last * c->columns; i++) {
        c->column[i] = sum;
        sum += b->count[i];
    }
}

/* False when memory is short; no columns are left when one is open. */
static bool pack_clusters(const wh_host *host, builder *b)
{
    wh_crossing *c = b->c;
    const size_t columns = (size_t)c->columns * c->rows;
    const uint32_t strips = count_strips(c);
    uint32_t sum = 0;
    bool open = false;
    for (uint32_t i = 0; i < strips; i++) {
        if (!b->strip[i].found)
            return false;
        open |= b->strip[i].open;
        b->strip[i].first = sum;
        sum += b->strip[i].count;
    }
    if (open) {
        c->columns = 0;
        return true;
    }
    c->cluster_count = sum;
    c->cluster = get(host, (uint64_t)sum + 1, sizeof *c->cluster);
    if (!c->cluster || !host->parallel_for(host, strips, pack_strip, b))
        return false;
    c->column[columns] = c->column[columns + 1] = sum;
    c->cluster[sum] = (wh_cluster){-FLT_MAX, -FLT_MAX, c->item_count, 0};
    return true;
}

/* ---- build */

/* Chooses columns so wide that there are not too many items, and counts them; c->columns is 0 where that fails. */
static bool choose_grid(const wh_host *host, builder *b, const wh_surface *s)
{
    wh_crossing *c = b->c;
    uint64_t items = UINT64_MAX, most = MOST_ITEMS * (uint64_t)c->face_count + 4096;
    for (double wanted = DENSITY * c->face_count + 64; items > most; wanted /= 4) {
        host->free(host, c->column);
        c->column = NULL;
        if (!set_grid(c, s, fmax(wanted, 1)))
            return true;
        c->column = get(host, (uint64_t)c->columns * c->rows + 2, sizeof *c->column);
        if (!c->column || !host->parallel_for(host, (c->face_count - 1) / FACE_BAND + 1, cast_band, b))
            return false;
        items = count_items(b);
    }
    c->item_count = (uint32_t)items;
    return true;
}

static bool fill_grid(const wh_host *host, builder *b)
{
    wh_crossing *c = b->c;
    c->item = get(host, c->item_count, sizeof *c->item);
    b->strip = get(host, count_strips(c), sizeof *b->strip);
    b->count = get(host, (uint64_t)c->columns * c->rows, sizeof *b->count);
    if (b->strip)
        memset(b->strip, 0, count_strips(c) * sizeof *b->strip);
    if (!c->item || !b->strip || !b->count)
        return false;
    for (uint32_t i = 0; i < c->face_count; i++)
        visit(b, i, c->column + 1, c->item);
    return host->parallel_for(host, count_strips(c), build_strip, b) && pack_clusters(host, b);
}

static bool build(const wh_host *host, const wh_surface *s, wh_crossing *c)
{
    builder b = {.host = host, .c = c};
    c->axis = choose_axis(s);
    b.shadow = get(host, c->face_count, sizeof *b.shadow);
    bool ok = b.shadow && choose_grid(host, &b, s);
    const uint32_t strips = ok && c->columns ? count_strips(c) : 0; /* there are none left where a column is open */
    ok = ok && (!strips || fill_grid(host, &b));
    for (uint32_t i = 0; b.strip && i < strips; i++)
        host->free(host, b.strip[i].found);
    void *spent[] = {b.shadow, b.strip, b.count};
    for (size_t i = 0; i < sizeof spent / sizeof *spent; i++)
        host->free(host, spent[i]);
    return ok;
}

bool wh__crossing_build(const wh_host *host, const wh_surface *surface, wh_crossing *out)
{
    *out = (wh_crossing){.face = surface->face, .face_count = surface->count};
    if (surface->count == 0 || surface->count > UINT32_MAX / (MOST_ITEMS + 1))
        return true;
    bool ok = build(host, surface, out);
    if (!ok)
        wh__crossing_free(host, out);
    return ok;
}

void wh__crossing_free(const wh_host *host, wh_crossing *c)
{
    host->free(host, c->column);
    host->free(host, c->cluster);
    host->free(host, c->item);
    *c = (wh_crossing){0};
}

/* ---- queries */

typedef struct {
    float u[GROUP], v[GROUP], d[GROUP];
    int32_t fine_u[GROUP], fine_v[GROUP];
    uint32_t at[GROUP]; /* column, then cluster */
    int32_t *winding;
    uint32_t waiting[GROUP]; /* queries in a cluster */
    uint32_t wait_count;
    struct {
        uint32_t query, face;
    } pair[PAIRS];
    uint32_t pair_count;
} group;

/* Copies the queries; those outside the box get the column after the last, which has no clusters. */
static void find_columns(const wh_crossing *c, group *g, uint32_t count, const float *u, const float *v, const float *d)
{
    uint32_t nothing = c->columns * c->rows;
    for (uint32_t i = 0; i < count; i++) {
        bool in = (u[i] >= c->low[0]) & (u[i] <= c->high[0]) & (v[i] >= c->low[1]) & (v[i] <= c->high[1]) &
                  (d[i] >= c->low[2]) & (d[i] <= c->high[2]);
        float cu = wh_clamp(u[i], c->low[0], c->high[0]), cv = wh_clamp(v[i], c->low[1], c->high[1]);
        int32_t fu = fine_u(c, cu), fv = fine_v(c, cv);
        uint32_t column = (uint32_t)(fv >> SHIFT) * c->columns + (uint32_t)(fu >> SHIFT);
        g->u[i] = cu;
        g->v[i] = cv;
        g->d[i] = d[i];
        g->fine_u[i] = fu;
        g->fine_v[i] = fv;
        g->at[i] = in ? column : nothing;
    }
}

/* Answers the queries in gaps; those in clusters wait. */
static void find_clusters(const wh_crossing *c, group *g, uint32_t count)
{
    g->wait_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = c->column[g->at[i]], end = c->column[g->at[i] + 1];
        float d = g->d[i];
        while (k < end && d < c->cluster[k].low)
            k++;
        g->winding[i] = k < end ? c->cluster[k].above : 0;
        g->at[i] = k;
        g->waiting[g->wait_count] = i;
        if (k < end && d <= c->cluster[k].high) {
            FETCH(c->item + c->cluster[k].first);
            g->wait_count++;
        }
    }
}

static bool in_box(const wh_face *f, const float q[3])
{
    for (uint32_t k = 0; k < 3; k++) {
        wh_range r = wh__face_range(f, k);
        if (q[k] < r.low || q[k] > r.high)
            return false;
    }
    return true;
}

/* What a triangle adds to the winding number of a query; WH_NOT_PROVEN when that is not sure. */
static int32_t cross_exactly(const wh_crossing *c, const wh_face *f, const float at[3])
{
    uint32_t iu = axis_u(c), iv = axis_v(c);
    float u = at[iu], v = at[iv], d = at[c->axis];
    wh_range r = wh__face_range(f, c->axis);
    int32_t sum = 0;
    bool touches = false; /* it may, for the query is beside an edge or a corner */
    for (uint32_t k = 0; k < 3; k++) {
        const float *p = f->corner[k], *q = f->corner[k == 2 ? 0 : k + 1];
        bool up = p[iv] <= v;
        touches |= p[iv] == v;
        if (up == (q[iv] <= v))
            continue;
        const float *a = up ? p : q, *b = up ? q : p;
        int side = wh__side(a[iu], a[iv], b[iu], b[iv], u, v);
        if (side == WH_SIDE_UNSURE)
            return WH_NOT_PROVEN;
        touches |= side == 0;
        sum += side <= 0 ? 0 : up ? 1 : -1;
    }
    if (d < r.low || d > r.high)
        return d < r.low ? sum : 0;
    double rounding, volume = wh__volume(f->corner[0], f->corner[1], f->corner[2], at, &rounding);
    if (fabs(volume) <= rounding && (sum || (touches && in_box(f, at))))
        return WH_NOT_PROVEN;
    return sum && (volume > 0) == (sum > 0) ? sum : 0;
}

typedef struct {
    double value, size; /* of a difference of products, and of the products */
} minor;

static inline minor minor_of(double pu, double pv, double qu, double qv)
{
    double a = pu * qv, b = pv * qu;
    return (minor){a - b, fabs(a) + fabs(b)};
}

/* 1 or -1 for an edge that goes up or down past the query, on the side where u is greater. */
static inline int32_t pass(minor m, double pv, double qv)
{
    int32_t up = (pv <= 0) & (qv > 0) & (m.value > 0), down = (qv <= 0) & (pv > 0) & (m.value < 0);
    return up - down;
}

static inline int is_near(minor m)
{
    return fabs(m.value) <= m.size * 3.4e-16; /* see orient.h */
}

/* As cross_exactly, in most cases without a branch: the edges seen from the query, in one go with the volume. */
static int32_t cross(const wh_crossing *c, const wh_face *f, const float at[3])
{
    uint32_t iu = axis_u(c), iv = axis_v(c), id = c->axis;
    const float *x = f->corner[0], *y = f->corner[1], *z = f->corner[2];
    double u = at[iu], v = at[iv], d = at[id];
    double xu = x[iu] - u, xv = x[iv] - v, xd = x[id] - d;
    double yu = y[iu] - u, yv = y[iv] - v, yd = y[id] - d;
    double zu = z[iu] - u, zv = z[iv] - v, zd = z[id] - d;
    minor xy = minor_of(xu, xv, yu, yv), yz = minor_of(yu, yv, zu, zv), zx = minor_of(zu, zv, xu, xv);
    int32_t sum = pass(xy, xv, yv) + pass(yz, yv, zv) + pass(zx, zv, xv);
    double volume = xd * yz.value + yd * zx.value + zd * xy.value;
    double rounding = (fabs(xd) * yz.size + fabs(yd) * zx.size + fabs(zd) * xy.size) * 7.8e-16;
    int close =
        (fabs(volume) <= rounding) + is_near(xy) + is_near(yz) + is_near(zx) + (xv == 0) + (yv == 0) + (zv == 0);
    if (close)
        return cross_exactly(c, f, at);
    return (volume > 0) == (sum > 0) ? sum : 0;
}

static void cross_pairs(const wh_crossing *c, group *g)
{
    for (uint32_t i = 0; i < g->pair_count; i++) {
        uint32_t q = g->pair[i].query;
        float at[3];
        at[axis_u(c)] = g->u[q];
        at[axis_v(c)] = g->v[q];
        at[c->axis] = g->d[q];
        int32_t add = cross(c, c->face + g->pair[i].face, at);
        bool proven = add != WH_NOT_PROVEN && g->winding[q] != WH_NOT_PROVEN;
        g->winding[q] = proven ? g->winding[q] + add : WH_NOT_PROVEN;
    }
    g->pair_count = 0;
}

/* Pairs a query with the faces of its cluster that it can meet. */
static void find_faces(const wh_crossing *c, group *g, uint32_t q)
{
    const wh_cluster *k = c->cluster + g->at[q];
    uint64_t word = query_word(g->fine_u[q], g->fine_v[q], level_of(g->d[q], k->low, level_scale(k)));
    for (uint32_t i = k[0].first, end = k[1].first; i < end; i++) {
        uint64_t item = c->item[i];
        if (!can_meet(word, item))
            continue;
        if (g->pair_count == PAIRS)
            cross_pairs(c, g);
        g->pair[g->pair_count].query = q;
        g->pair[g->pair_count++].face = (uint32_t)item;
        FETCH(c->face + (uint32_t)item);
    }
}

static void answer(const wh_crossing *c, group *g, uint32_t count)
{
    for (uint32_t i = 0; count > 1 && i < count; i++)
        FETCH(c->column + g->at[i]);
    for (uint32_t i = 0; count > 1 && i < count; i++)
        FETCH(c->cluster + c->column[g->at[i]]);
    find_clusters(c, g, count);
    for (uint32_t i = 0; i < g->wait_count; i++)
        find_faces(c, g, g->waiting[i]);
    cross_pairs(c, g);
}

void wh__crossing_many(const wh_crossing *c, uint32_t count, const float *x, const float *y, const float *z,
                       int32_t *winding)
{
    const float *q[3] = {x, y, z};
    group g;
    g.pair_count = 0;
    for (uint32_t first = 0; first < count; first += GROUP) {
        uint32_t n = count - first < GROUP ? count - first : GROUP;
        g.winding = winding + first;
        if (c->columns) {
            find_columns(c, &g, n, q[axis_u(c)] + first, q[axis_v(c)] + first, q[c->axis] + first);
            answer(c, &g, n);
            continue;
        }
        for (uint32_t i = 0; i < n; i++)
            g.winding[i] = c->face_count ? WH_NOT_PROVEN : 0;
    }
}
