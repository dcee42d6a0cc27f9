/* chain.c - see chain.h. Edges are sorted by their lower point, and cancelled among the few that share it.
 *
 * A loop is capped by halving it: each second point is cut off by a triangle, and so again with the points that are
 * left. That needs no new points, and keeps nearly all caps as small as the edges they close. */
#include "chain.h"
#include <stdatomic.h>
#include <string.h>

#define BAND 32768   /* triangles whose edges one job sums */
#define MOST_OPEN 4  /* at most one edge in so many on the boundary: else capping would double the work */
#define FEW 24       /* edges at one point that are sorted by insertion */
#define SMALL_LOOP 8 /* points of a loop for which every way to begin the halving is tried */

typedef struct {
    const wh_host *host;
    const float *point;
    const uint32_t *triangle;
    uint32_t point_count, triangle_count;
    uint32_t *first; /* for each point: where its edges begin */
    uint32_t *edge;  /* the higher point * 2 + (1: the edge comes from it) */
    uint32_t *from;  /* the boundary, edge by edge; room for open */
    uint32_t *to;
    uint64_t open;
} builder;

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

/* ---- closed or not */

static inline uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 32) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 29) * 0x94d049bb133111ebu;
    return v ^ v >> 32;
}

static inline uint64_t edge_sum(uint32_t from, uint32_t to)
{
    uint64_t down = from > to, key = down ? (uint64_t)to << 32 | from : (uint64_t)from << 32 | to;
    return (mix(key + 0x9e3779b97f4a7c15u) ^ (0 - down)) + down; /* negative when down */
}

typedef struct {
    const uint32_t *triangle;
    uint32_t count;
    _Atomic uint64_t sum;
} closing;

static void sum_band(void *context, uint32_t band)
{
    closing *c = context;
    const uint32_t first = band * BAND, end = c->count - first < BAND ? c->count : first + BAND;
    uint64_t sum = 0;
    for (uint32_t i = first; i < end; i++) {
        const uint32_t *t = c->triangle + 3 * (size_t)i;
        sum += edge_sum(t[0], t[1]) + edge_sum(t[1], t[2]) + edge_sum(t[2], t[0]);
    }
    atomic_fetch_add_explicit(&c->sum, sum, memory_order_relaxed);
}

/* Every edge has a random number, its opposite the negative of it: the sum of a closed chain is 0, and that of another
 * one by a chance of 2^-64. That is several times as fast as to sort them. */
bool wh__chain_closes(const wh_host *host, const uint32_t *triangle, uint32_t count, bool *closed)
{
    closing c = {.triangle = triangle, .count = count};
    const bool ok = host->parallel_for(host, count / BAND + (count % BAND > 0), sum_band, &c);
    *closed = ok && c.sum == 0;
    return ok;
}

/* ---- edges */

static void count_edges(builder *b)
{
    memset(b->first, 0, ((size_t)b->point_count + 2) * sizeof *b->first);
    for (uint32_t i = 0; i < b->triangle_count; i++) {
        const uint32_t *t = b->triangle + 3 * (size_t)i;
        b->first[2 + (t[0] < t[1] ? t[0] : t[1])]++;
        b->first[2 + (t[1] < t[2] ? t[1] : t[2])]++;
        b->first[2 + (t[2] < t[0] ? t[2] : t[0])]++;
    }
    for (size_t i = 2; i <= (size_t)b->point_count + 1; i++)
        b->first[i] += b->first[i - 1];
}

static inline void put_edge(builder *b, uint32_t from, uint32_t to)
{
    uint32_t low = from < to ? from : to, high = from < to ? to : from;
    b->edge[b->first[low + 1]++] = high << 1 | (from > to);
}

/* Afterwards the edges of point p are first[p] .. first[p + 1] - 1. */
static void put_edges(builder *b)
{
    for (uint32_t i = 0; i < b->triangle_count; i++) {
        const uint32_t *t = b->triangle + 3 * (size_t)i;
        put_edge(b, t[0], t[1]);
        put_edge(b, t[1], t[2]);
        put_edge(b, t[2], t[0]);
    }
}

static void sift(uint32_t *v, size_t root, size_t count)
{
    uint32_t moving = v[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        child += child + 1 < count && v[child + 1] > v[child];
        if (v[child] <= moving)
            break;
        v[root] = v[child];
    }
    v[root] = moving;
}

static void sort_edges(uint32_t *v, size_t count)
{
    if (count <= FEW) {
        for (size_t i = 1; i < count; i++) {
            uint32_t moving = v[i];
            size_t j = i;
            for (; j > 0 && v[j - 1] > moving; j--)
                v[j] = v[j - 1];
            v[j] = moving;
        }
        return;
    }
    for (size_t i = count / 2; i-- > 0;)
        sift(v, i, count);
    for (size_t i = count; i-- > 1;) {
        uint32_t top = v[0];
        v[0] = v[i];
        v[i] = top;
        sift(v, 0, i);
    }
}

/* Leaves, at the front of the point's edges, those of the boundary; returns how many. */
static uint32_t cancel_edges(uint32_t *v, uint32_t count)
{
    uint32_t kept = 0;
    if (count == 2 && (v[0] ^ v[1]) == 1) /* most points of a closed surface have two or four */
        return 0;
    sort_edges(v, count);
    for (uint32_t i = 0, next; i < count; i = next) {
        uint32_t high = v[i] >> 1, up = 0, down = 0;
        for (next = i; next < count && v[next] >> 1 == high; next++)
            *(v[next] & 1 ? &down : &up) += 1;
        uint32_t left = up > down ? up - down : down - up;
        for (; left; left--)
            v[kept++] = high << 1 | (down > up);
    }
    return kept;
}

/* Cancels all edges, and packs those of the boundary: edges of point p are first[p] .. first[p + 1] - 1 then too. */
static void cancel_all(builder *b)
{
    uint32_t out = 0, begin = b->first[0];
    for (size_t p = 0; p < b->point_count; p++) {
        uint32_t end = b->first[p + 1], kept = cancel_edges(b->edge + begin, end - begin);
        b->first[p] = out;
        if (kept)
            memmove(b->edge + out, b->edge + begin, kept * sizeof *b->edge);
        out += kept;
        begin = end;
    }
    b->first[b->point_count] = out;
    b->open = out;
}

/* ---- loops */

typedef struct {
    uint32_t *path;  /* points walked */
    uint32_t *place; /* for each point: 1 + its place on the path, or 0 */
    uint32_t *next;  /* for each point: its first edge in to that is not walked */
    uint32_t *end;   /* and the one after its last */
    uint32_t *to;    /* where directed edges end, by the point that they leave */
    uint32_t *cap;
    uint32_t cap_count;
    const float *point;
} walker;

static double square_distance(const float *a, const float *b)
{
    double x = (double)a[0] - (double)b[0], y = (double)a[1] - (double)b[1], z = (double)a[2] - (double)b[2];
    return x * x + y * y + z * z;
}

/* The sum of the squares of the first cuts when the halving begins at point k. */
static double cut_cost(const walker *w, const uint32_t *loop, uint32_t count, uint32_t k)
{
    double sum = 0;
    for (uint32_t i = 0; i + 2 <= count; i += 2)
        sum += square_distance(w->point + 3 * (size_t)loop[(i + k) % count],
                               w->point + 3 * (size_t)loop[(i + 2 + k) % count]);
    return sum;
}

static void turn_loop(const walker *w, uint32_t *loop, uint32_t count)
{
    uint32_t best = 0, copy[SMALL_LOOP];
    if (count < 4 || count > SMALL_LOOP)
        return;
    for (uint32_t k = 1; k < count; k++)
        if (cut_cost(w, loop, count, k) < cut_cost(w, loop, count, best))
            best = k;
    memcpy(copy, loop, count * sizeof *loop);
    for (uint32_t i = 0; i < count; i++)
        loop[i] = copy[(i + best) % count];
}

/* The loop's points are used up. */
static void cap_loop(walker *w, uint32_t *loop, uint32_t count)
{
    turn_loop(w, loop, count);
    while (count > 2) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i += 2) {
            loop[kept++] = loop[i];
            if (i + 1 == count)
                break;
            uint32_t *t = w->cap + 3 * (size_t)w->cap_count++;
            t[0] = loop[(i + 2) % count]; /* against the loop's sense */
            t[1] = loop[i + 1];
            t[2] = loop[i];
        }
        count = kept;
    }
}

/* As many edges end in a point as leave it, so a walk ends only where it began. What it meets twice is a loop. */
static void walk_from(walker *w, uint32_t start)
{
    uint32_t count = 0, at = start;
    while (w->next[at] != w->end[at] || count > 0) {
        if (w->place[at]) {
            uint32_t begin = w->place[at] - 1;
            for (uint32_t i = begin; i < count; i++)
                w->place[w->path[i]] = 0;
            cap_loop(w, w->path + begin, count - begin);
            count = begin;
            continue;
        }
        if (w->next[at] == w->end[at])
            break;
        w->path[count++] = at;
        w->place[at] = count;
        at = w->to[w->next[at]++];
    }
}

/* Sorts the boundary's edges by the points that they leave: starts in next and end. */
static void direct_edges(const builder *b, walker *w)
{
    memset(w->end, 0, ((size_t)b->point_count + 1) * sizeof *w->end);
    for (uint32_t p = 0; p < b->point_count; p++)
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++)
            w->end[b->edge[i] & 1 ? b->edge[i] >> 1 : p]++;
    uint32_t sum = 0;
    for (uint32_t p = 0; p < b->point_count; p++) {
        w->next[p] = sum;
        sum += w->end[p];
        w->end[p] = w->next[p];
    }
    for (uint32_t p = 0; p < b->point_count; p++)
        for (uint32_t i = b->first[p]; i < b->first[p + 1]; i++) {
            uint32_t high = b->edge[i] >> 1;
            bool down = b->edge[i] & 1;
            w->to[w->end[down ? high : p]++] = down ? p : high;
        }
}

static bool make_caps(const builder *b, wh_chain *out)
{
    walker w = {.point = b->point};
    uint64_t points = (uint64_t)b->point_count + 1;
    w.path = get(b->host, b->open + 1, sizeof *w.path);
    w.place = get(b->host, points, sizeof *w.place);
    w.next = get(b->host, points, sizeof *w.next);
    w.end = get(b->host, points, sizeof *w.end);
    w.to = get(b->host, b->open, sizeof *w.to);
    w.cap = get(b->host, 3 * b->open, sizeof *w.cap);
    bool ok = w.path && w.place && w.next && w.end && w.to && w.cap;
    if (ok) {
        memset(w.place, 0, points * sizeof *w.place);
        direct_edges(b, &w);
        for (uint32_t p = 0; p < b->point_count; p++)
            walk_from(&w, p);
    }
    void *spent[] = {w.path, w.place, w.next, w.end, w.to, ok ? NULL : w.cap};
    for (size_t i = 0; i < sizeof spent / sizeof *spent; i++)
        b->host->free(b->host, spent[i]);
    out->cap = ok ? w.cap : NULL;
    out->cap_count = ok ? w.cap_count : 0;
    return ok;
}

/* ---- */

bool wh__chain_build(const wh_host *host, const float *point, uint32_t point_count, const uint32_t *triangle,
                     uint32_t triangle_count, wh_chain *out)
{
    builder b = {.host = host,
                 .point = point,
                 .triangle = triangle,
                 .point_count = point_count,
                 .triangle_count = triangle_count};
    *out = (wh_chain){.worth_closing = true};
    bool closed;
    if (!wh__chain_closes(host, triangle, triangle_count, &closed))
        return false;
    if (closed)
        return true;
    b.first = get(host, (uint64_t)point_count + 2, sizeof *b.first);
    b.edge = get(host, 3 * (uint64_t)triangle_count, sizeof *b.edge);
    bool ok = b.first && b.edge;
    if (ok) {
        count_edges(&b);
        put_edges(&b);
        cancel_all(&b);
        out->open = b.open;
        out->worth_closing = b.open <= 3 * (uint64_t)triangle_count / MOST_OPEN;
        if (b.open && out->worth_closing)
            ok = make_caps(&b, out);
    }
    host->free(host, b.first);
    host->free(host, b.edge);
    return ok;
}

void wh__chain_free(const wh_host *host, wh_chain *chain)
{
    host->free(host, chain->cap);
    *chain = (wh_chain){0};
}
