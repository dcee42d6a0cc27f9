/* lattice.c - see lattice.h.
 *
 * A triangle is cut by each plane z = z[k] along a line between two of its edges; the rows between them are those that
 * it crosses. Where a row lies against an edge is asked with the exact sign of orient.h, so triangles at an edge share
 * the rows out among them with none lost or counted twice. A crossing adds to the point before it on the row; then
 * sums from the far end of the row give every point what is beyond it. */
#include "lattice.h"
#include "orient.h"
#include <float.h>
#include <string.h>

#define AHEAD 16 /* faces that are fetched before their turn: in the order of their layers they lie anywhere */

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

/* ---- rows */

typedef struct { /* coordinates along an axis */
    const float *at;
    uint32_t count;
    double low, per_step;
} scale;

typedef struct {
    scale x, y, z;
    int16_t *sum;      /* of each point */
    size_t row, layer; /* numbers from row to row, layer to layer */
    uint16_t *crossed; /* of each row: how often, 65535: at least */
    uint64_t *open;    /* a bit for each point */
} job;

typedef struct { /* the plane of a face: x = base + along_y * y + along_z * z, y and z from its first corner */
    double base, along_y, along_z;
    double doubt, doubt_y, doubt_z, doubt_x; /* bound on its rounding, as a sum of the same kind */
    wh_range x;
} plane;

static scale scale_of(const float *at, uint32_t count)
{
    scale s = {at, count, at[0], 0};
    double length = (double)at[count - 1] - at[0];
    s.per_step = length > 0 ? (count - 1) / length : 0;
    return s;
}

/* How many are below the value. */
static inline uint32_t count_below(const scale *s, double value)
{
    double guess = (value - s->low) * s->per_step;
    uint32_t i = !(guess > 0) ? 0 : guess < s->count ? (uint32_t)guess : s->count;
    while (i < s->count && s->at[i] < value)
        i++;
    while (i > 0 && s->at[i - 1] >= value)
        i--;
    return i;
}

static inline size_t row_of(const job *s, uint32_t j, uint32_t k)
{
    return (size_t)k * s->y.count + j;
}

static inline int16_t *sums_of(const job *s, size_t row)
{
    return s->sum + row / s->y.count * s->layer + row % s->y.count * s->row;
}

static void leave_open(const job *s, size_t row, uint32_t i)
{
    size_t bit = row * s->x.count + i;
    s->open[bit / 64] |= 1ull << bit % 64;
}

static void open_row(const job *s, size_t row)
{
    for (uint32_t i = 0; i < s->x.count; i++)
        leave_open(s, row, i);
}

/* Opens the points of a row that may be on a face in spite of no crossing: the row meets its edge, or is in it. */
static void open_touched(const job *s, const wh_face *f, wh_range x, uint32_t j, uint32_t k)
{
    for (uint32_t i = count_below(&s->x, x.low); i < s->x.count && s->x.at[i] <= x.high; i++) {
        const float q[3] = {s->x.at[i], s->y.at[j], s->z.at[k]};
        double rounding, volume = wh__volume(f->corner[0], f->corner[1], f->corner[2], q, &rounding);
        if (fabs(volume) <= rounding)
            leave_open(s, row_of(s, j, k), i);
    }
}

/* ---- planes */

typedef struct {
    double value, size; /* of a difference of products, and of what it was taken from */
} minor;

static minor minor_of(const double e[3], const double f[3], int m, int n)
{
    double p = e[m] * f[n], q = e[n] * f[m];
    return (minor){p - q, fabs(p) + fabs(q)};
}

static plane plane_of(const wh_face *face, wh_range x)
{
    double e[3], f[3];
    for (int k = 0; k < 3; k++) {
        e[k] = (double)face->corner[1][k] - face->corner[0][k];
        f[k] = (double)face->corner[2][k] - face->corner[0][k];
    }
    minor nx = minor_of(e, f, 1, 2), ny = minor_of(e, f, 2, 0), nz = minor_of(e, f, 0, 1);
    plane p = {.base = face->corner[0][0], .x = x};
    bool steep = !(fabs(nx.value) > 4e-15 * nx.size); /* along x: then it can be anywhere between its ends */
    double inverse = steep ? 0 : 1 / nx.value, unit = steep ? 0 : 2e-15 * fabs(inverse);
    p.along_y = -ny.value * inverse;
    p.along_z = -nz.value * inverse;
    p.doubt = steep ? INFINITY : 2e-15 * fabs(p.base);
    p.doubt_y = unit * ny.size;
    p.doubt_z = unit * nz.size;
    p.doubt_x = unit * nx.size;
    return p;
}

/* ---- triangles */

/* A row leaves the face at x, within doubt: opens the points in doubt; returns how many are before it. */
static uint32_t place_crossing(const job *s, const plane *p, size_t row, double x, double doubt)
{
    const float *at = s->x.at;
    double inside = x < p->x.low ? p->x.low : x > p->x.high ? p->x.high : x;
    uint32_t n = count_below(&s->x, inside);
    for (uint32_t i = n; i < s->x.count && at[i] <= p->x.high && at[i] - x <= doubt; i++)
        leave_open(s, row, i);
    for (uint32_t i = n; i > 0 && at[i - 1] >= p->x.low && x - at[i - 1] <= doubt; i--)
        leave_open(s, row, i - 1);
    return n;
}

static void cross_rows(const job *s, const wh_face *f, const plane *p, uint32_t k, uint32_t begin, uint32_t end,
                       int16_t add)
{
    double z = (double)s->z.at[k] - f->corner[0][2], x_here = p->along_z * z,
           doubt_here = p->doubt + p->doubt_z * fabs(z);
    for (uint32_t j = begin; j < end; j++) {
        size_t row = row_of(s, j, k);
        double y = (double)s->y.at[j] - f->corner[0][1], rise = p->along_y * y + x_here;
        double doubt = doubt_here + p->doubt_y * fabs(y) + p->doubt_x * fabs(rise);
        uint32_t n = place_crossing(s, p, row, p->base + rise, doubt);
        int16_t *sum = s->sum + k * s->layer + j * s->row + n;
        if (n)
            sum[-1] = (int16_t)(sum[-1] + add);
        s->crossed[row] = (uint16_t)(s->crossed[row] + (s->crossed[row] < UINT16_MAX));
    }
}

/* How many rows from j0 on are before the edge where the plane z[k] cuts it. Rows on it are opened where they may be
 * on the face. */
static uint32_t count_before(const job *s, const wh_face *f, wh_range x, const float *a, const float *b, uint32_t k,
                             uint32_t j0, uint32_t j1)
{
    float z = s->z.at[k];
    double y = a[1] + ((double)b[1] - a[1]) * (((double)z - a[2]) / ((double)b[2] - a[2]));
    uint32_t j = count_below(&s->y, y);
    j = j < j0 ? j0 : j > j1 ? j1 : j;
    while (j < j1 && wh__side(a[1], a[2], b[1], b[2], s->y.at[j], z) == 1)
        j++;
    while (j > j0 && wh__side(a[1], a[2], b[1], b[2], s->y.at[j - 1], z) != 1)
        j--;
    int side = 0;
    for (uint32_t i = j; i < j1 && (side = wh__side(a[1], a[2], b[1], b[2], s->y.at[i], z)) >= 0; i++) {
        if (side == 0)
            open_touched(s, f, x, i, k);
        else
            open_row(s, row_of(s, i, k));
    }
    return j;
}

/* The rows of the plane z[k] that cross the face, and what they add. */
static void cross_plane(const job *s, const wh_face *f, const plane *p, uint32_t k, uint32_t j0, uint32_t j1)
{
    uint32_t up = j0, down = j0;
    float z = s->z.at[k];
    for (int e = 0; e < 3; e++) {
        const float *a = f->corner[e], *b = f->corner[e == 2 ? 0 : e + 1];
        bool rises = a[2] <= z;
        if (rises == (b[2] <= z))
            continue;
        if (rises)
            up = count_before(s, f, p->x, a, b, k, j0, j1);
        else
            down = count_before(s, f, p->x, b, a, k, j0, j1);
    }
    if (down < up)
        cross_rows(s, f, p, k, down, up, 1);
    if (up < down)
        cross_rows(s, f, p, k, up, down, -1);
}

static void add_face(const job *s, const wh_face *f)
{
    wh_range z = wh__face_range(f, 2), y = wh__face_range(f, 1), x = wh__face_range(f, 0);
    uint32_t k = count_below(&s->z, z.low), j0 = count_below(&s->y, y.low), j1 = j0;
    if (k == s->z.count || s->z.at[k] > z.high || x.high < s->x.at[0])
        return;
    while (j1 < s->y.count && s->y.at[j1] <= y.high)
        j1++;
    if (j0 == j1)
        return;
    plane p = plane_of(f, x);
    for (; k < s->z.count && s->z.at[k] <= z.high; k++) {
        float at = s->z.at[k];
        cross_plane(s, f, &p, k, j0, j1);
        if (at == f->corner[0][2] || at == f->corner[1][2] || at == f->corner[2][2])
            for (uint32_t j = j0; j < j1; j++)
                open_touched(s, f, x, j, k);
    }
}

static void add_all_faces(const wh_surface *f, const job *s)
{
    for (uint32_t i = 0; i < f->count; i++)
        add_face(s, f->face + i);
}

/* Those that may meet the slab; all in turn, as memory has them, when they are many. */
static void add_faces(const wh_surface *f, const job *s)
{
    float low = s->z.at[0], high = s->z.at[s->z.count - 1];
    if (!f->layers || (double)high - low > 0.5 * ((double)f->high[2] - f->low[2])) {
        add_all_faces(f, s);
        return;
    }
    for (uint32_t layer = 0, last = wh__layer_of(f, high); layer <= last; layer++)
        for (uint32_t i = f->layer[layer], end = f->layer[layer + 1]; f->layer_high[layer] >= low && i < end; i++) {
            __builtin_prefetch(f->face + f->order[i + AHEAD < end ? i + AHEAD : i]);
            add_face(s, f->face + f->order[i]);
        }
}

/* ---- sums */

static void sum_row(int16_t *v, uint32_t count)
{
    int16_t sum = 0;
    for (uint32_t i = count; i-- > 0;)
        v[i] = sum = (int16_t)(sum + v[i]);
}

static void sum_rows(const job *s)
{
    size_t rows = (size_t)s->y.count * s->z.count;
    for (size_t row = 0; row < rows; row++) {
        if (s->crossed[row] > INT16_MAX)
            open_row(s, row);
        else if (s->crossed[row])
            sum_row(sums_of(s, row), s->x.count);
    }
}

/* Writes what is open; returns how many are. */
static uint64_t mark_open(const job *s, size_t words)
{
    uint64_t open = 0;
    for (size_t i = 0; i < words; i++)
        for (size_t at = i * 64, bits = s->open[i]; bits; at++, bits >>= 1)
            if (bits & 1) {
                sums_of(s, at / s->x.count)[at % s->x.count] = WH_LATTICE_OPEN;
                open++;
            }
    return open;
}

static void clear(const wh_slab *l, int16_t *winding)
{
    for (uint32_t k = 0; k < l->nz; k++)
        for (uint32_t j = 0; j < l->ny; j++)
            memset(winding + k * l->layer + j * l->row, 0, l->nx * sizeof *winding);
}

bool wh__lattice_rows(const wh_host *host, const wh_surface *surface, const wh_slab *slab, int16_t *winding,
                      uint64_t *open)
{
    size_t rows = (size_t)slab->ny * slab->nz, words = (rows * slab->nx + 63) / 64;
    *open = 0;
    clear(slab, winding);
    if (!words || !surface->count)
        return true;
    job s = {.x = scale_of(slab->x, slab->nx),
             .y = scale_of(slab->y, slab->ny),
             .z = scale_of(slab->z, slab->nz),
             .sum = winding,
             .row = slab->row,
             .layer = slab->layer};
    s.crossed = get(host, rows, sizeof *s.crossed);
    s.open = get(host, words, sizeof *s.open);
    bool ok = s.crossed && s.open;
    if (ok) {
        memset(s.crossed, 0, rows * sizeof *s.crossed);
        memset(s.open, 0, words * sizeof *s.open);
        add_faces(surface, &s);
        sum_rows(&s);
        *open = mark_open(&s, words);
    }
    host->free(host, s.crossed);
    host->free(host, s.open);
    return ok;
}
