/* doubt.c - see doubt.h. Blocks of the lattice and nodes of a tree over the caps go down together: a node far from a
 * block is settled for all of it, the others are asked again for its halves, and a block is done when the bounds of all
 * nodes together stay below the limit. */
#include "doubt.h"
#include <float.h>
#include <string.h>

#define FAR 0.7f         /* settled: a distance of so many times the sizes of block and node */
#define SLACK 0.4f       /* share of the limit that may be settled without another look */
#define ROUNDING 1.0001f /* more than what floats lose in a bound */
#define DEPTH 64         /* a slab has fewer than 2^64 points */

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

/* ---- build */

typedef struct {
    const float *position;
    const uint32_t *cap;
    uint32_t *order; /* caps */
    wh_doubt *out;
} builder;

static wh_doubt_node leaf_of(const builder *b, uint32_t cap)
{
    const float *p[3];
    double e[3], f[3];
    wh_doubt_node n = {.count = 1};
    for (size_t k = 0; k < 3; k++)
        p[k] = b->position + 3 * (size_t)b->cap[3 * (size_t)cap + k];
    for (int k = 0; k < 3; k++) {
        n.low[k] = wh_min(wh_min(p[0][k], p[1][k]), p[2][k]);
        n.high[k] = wh_max(wh_max(p[0][k], p[1][k]), p[2][k]);
        e[k] = (double)p[1][k] - p[0][k];
        f[k] = (double)p[2][k] - p[0][k];
    }
    double x = e[1] * f[2] - e[2] * f[1], y = e[2] * f[0] - e[0] * f[2], z = e[0] * f[1] - e[1] * f[0];
    n.area = (float)(0.0397887357729738 * sqrt(x * x + y * y + z * z)) * ROUNDING; /* 1 / (8 pi) */
    return n;
}

static wh_doubt_node join(const wh_doubt_node *a, const wh_doubt_node *b)
{
    wh_doubt_node n = {.area = (a->area + b->area) * (1 + FLT_EPSILON), .count = a->count + b->count};
    for (int k = 0; k < 3; k++) {
        n.low[k] = wh_min(a->low[k], b->low[k]);
        n.high[k] = wh_max(a->high[k], b->high[k]);
    }
    return n;
}

static float middle_of(const builder *b, uint32_t cap, int axis)
{
    const uint32_t *t = b->cap + 3 * (size_t)cap;
    float x = b->position[3 * (size_t)t[0] + (size_t)axis], y = b->position[3 * (size_t)t[1] + (size_t)axis];
    return wh_min(x, y) + wh_max(x, y);
}

static int widest_axis(const builder *b, uint32_t begin, uint32_t end)
{
    float width[3];
    for (int k = 0; k < 3; k++) {
        float low = FLT_MAX, high = -FLT_MAX;
        for (uint32_t i = begin; i < end; i++) {
            low = wh_min(low, middle_of(b, b->order[i], k));
            high = wh_max(high, middle_of(b, b->order[i], k));
        }
        width[k] = high - low;
    }
    return width[0] > width[1] && width[0] > width[2] ? 0 : width[1] > width[2] ? 1 : 2;
}

/* Brings the lower half along the axis to the front (C. A. R. Hoare, Algorithm 65: find, 1961). */
static void halve(const builder *b, uint32_t begin, uint32_t end, int axis)
{
    uint32_t middle = begin + (end - begin) / 2;
    while (end - begin > 1) {
        float pivot = middle_of(b, b->order[begin + (end - begin) / 2], axis);
        int64_t i = begin, j = (int64_t)end - 1;
        while (i <= j) {
            while (middle_of(b, b->order[i], axis) < pivot)
                i++;
            while (middle_of(b, b->order[j], axis) > pivot)
                j--;
            if (i > j)
                break;
            uint32_t swap = b->order[i];
            b->order[i++] = b->order[j];
            b->order[j--] = swap;
        }
        if (middle > j && middle < i)
            return;
        if (middle <= j)
            end = (uint32_t)(j + 1);
        else
            begin = (uint32_t)i;
    }
}

static void build_node(builder *b, uint32_t begin, uint32_t end)
{
    uint32_t self = b->out->count++;
    wh_doubt_node *node = b->out->node;
    if (end - begin == 1) {
        node[self] = leaf_of(b, b->order[begin]);
        return;
    }
    uint32_t middle = begin + (end - begin) / 2;
    halve(b, begin, end, widest_axis(b, begin, end));
    build_node(b, begin, middle);
    uint32_t right = b->out->count;
    build_node(b, middle, end);
    node[self] = join(node + self + 1, node + right);
    node[self].right = right;
}

bool wh__doubt_build(const wh_host *host, const float *position, const uint32_t *cap, uint32_t cap_count, wh_doubt *out)
{
    builder b = {position, cap, NULL, out};
    *out = (wh_doubt){0};
    if (!cap_count)
        return true;
    b.order = get(host, cap_count, sizeof *b.order);
    out->node = get(host, 2 * (uint64_t)cap_count - 1, sizeof *out->node);
    bool ok = b.order && out->node;
    for (uint32_t i = 0; ok && i < cap_count; i++)
        b.order[i] = i;
    if (ok)
        build_node(&b, 0, cap_count);
    else
        wh__doubt_free(host, out);
    host->free(host, b.order);
    return ok;
}

void wh__doubt_free(const wh_host *host, wh_doubt *doubt)
{
    host->free(host, doubt->node);
    *doubt = (wh_doubt){0};
}

/* ---- marks */

typedef struct { /* points first .. end - 1 along each axis */
    uint32_t first[3], end[3];
    float low[3], high[3];
} block;

typedef struct {
    const wh_doubt_node *node;
    const wh_slab *slab;
    float limit;
    float slack; /* bound that any cap may have without another look */
    uint8_t *marked;
    uint32_t *open, room; /* nodes that are not settled, block under block */
} search;

static void measure(const search *s, block *b)
{
    const float *at[3] = {s->slab->x, s->slab->y, s->slab->z};
    for (int k = 0; k < 3; k++) {
        b->low[k] = at[k][b->first[k]];
        b->high[k] = at[k][b->end[k] - 1];
    }
}

static float square_size(const float low[3], const float high[3])
{
    float x = high[0] - low[0], y = high[1] - low[1], z = high[2] - low[2];
    return x * x + y * y + z * z;
}

static float square_gap(const wh_doubt_node *n, const block *b)
{
    float sum = 0;
    for (int k = 0; k < 3; k++) {
        float gap = wh_max(wh_max(n->low[k] - b->high[k], b->low[k] - n->high[k]), 0.0f);
        sum += gap * gap;
    }
    return sum;
}

/* The most that the node's caps can wind around a point of a block. */
static float bound_of(const wh_doubt_node *n, float gap)
{
    float most = 0.5f * (float)n->count, turns = gap > 0 ? n->area / gap * ROUNDING : most;
    return turns < most ? turns : most;
}

typedef struct {
    float settled, open; /* bounds */
    uint32_t count;      /* of open nodes */
    bool full;           /* no room for more */
} tally;

/* Weighs a node for a block: settles it, keeps it, or goes on with its children. */
static void weigh(const search *s, const block *b, float size, uint32_t i, uint32_t *open, uint32_t room, tally *t)
{
    uint32_t stack[DEPTH], top = 0;
    stack[top++] = i;
    while (top) {
        const wh_doubt_node *n = s->node + (i = stack[--top]);
        float gap = square_gap(n, b), width = square_size(n->low, n->high), bound = bound_of(n, gap);
        if (bound <= s->slack * (float)n->count || gap > FAR * FAR * (width + size)) {
            t->settled += bound;
        } else if (n->count > 1 && width > size) {
            stack[top++] = n->right;
            stack[top++] = i + 1;
        } else if (t->count < room) {
            open[t->count++] = i;
            t->open += bound;
        } else {
            t->full = true;
        }
    }
}

static void mark_block(const search *s, const block *b)
{
    for (size_t k = b->first[2]; k < b->end[2]; k++)
        for (size_t j = b->first[1]; j < b->end[1]; j++)
            memset(s->marked + b->first[0] + j * s->slab->row + k * s->slab->layer, 1, b->end[0] - b->first[0]);
}

/* Halves the longest side that has more than one point; false when none has. */
static bool split_block(const block *b, block half[2])
{
    int longest = -1;
    for (int k = 0; k < 3; k++)
        if (b->end[k] - b->first[k] > 1 && (longest < 0 || b->high[k] - b->low[k] > b->high[longest] - b->low[longest]))
            longest = k;
    if (longest < 0)
        return false;
    half[0] = half[1] = *b;
    half[0].end[longest] = half[1].first[longest] = b->first[longest] + (b->end[longest] - b->first[longest]) / 2;
    return true;
}

/* candidates: nodes that the block above left open; settled: what it settled. */
static void look_at(search *s, block *b, const uint32_t *candidates, uint32_t count, float settled)
{
    uint32_t *open = s->open + (candidates - s->open) + count, room = s->room - (uint32_t)(open - s->open);
    tally t = {.settled = settled};
    block half[2];
    measure(s, b);
    float size = square_size(b->low, b->high);
    for (uint32_t i = 0; i < count; i++)
        weigh(s, b, size, candidates[i], open, room, &t);
    if (!t.full && (t.settled + t.open) * ROUNDING < s->limit)
        return;
    if (t.full || !split_block(b, half)) {
        mark_block(s, b);
        return;
    }
    look_at(s, &half[0], open, t.count, t.settled);
    look_at(s, &half[1], open, t.count, t.settled);
}

bool wh__doubt_mark(const wh_host *host, const wh_doubt *doubt, const wh_slab *slab, float limit, uint8_t *marked)
{
    search s = {.node = doubt->node, .slab = slab, .limit = limit, .marked = marked};
    block all = {.end = {slab->nx, slab->ny, slab->nz}};
    if (!doubt->count || !slab->nx || !slab->ny || !slab->nz)
        return true;
    uint64_t room = 16 * (uint64_t)doubt->count + 65536;
    s.room = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
    s.open = get(host, s.room, sizeof *s.open);
    if (!s.open)
        return false;
    s.open[0] = 0;
    s.slack = SLACK * limit / (float)doubt->count;
    look_at(&s, &all, s.open, 1, 0);
    host->free(host, s.open);
    return true;
}
