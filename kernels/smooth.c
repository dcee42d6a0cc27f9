/* smooth.c - move each point towards the mean of its neighbours.
 *
 * "keep" follows each step that shrinks by one that swells, which leaves the broad shape and its volume alone: G.
 * Taubin, A Signal Processing Approach to Fair Surface Design, SIGGRAPH 1995, with his pass band of 0.1. */
#include "whorl_kernel.h"
#include <string.h>

/* clang-format off */
WH_PARAMS(deform_smooth,
    int   steps    WH_UI(10, min = 0, max = 1000, doc = "How often it is done");
    float strength WH_UI(0.5, min = 0, max = 1, doc = "How far a point goes in a step; 1 is all the way");
    int   volume   WH_UI(1, choices = "shrink|keep", doc = "Whether it may shrink; keep goes 0.63 as far, and back");
)
/* clang-format on */

#define SMOOTH_CHUNK 4096 /* points that one call of the work function moves */

typedef struct { /* neighbours of point i: index[start[i]] .. index[start[i + 1] - 1], ascending, each once */
    size_t *start;
    uint32_t *index;
} smooth_graph;

/* Turns counts, kept one place on, into starts. */
static void smooth_sum(size_t *start, uint32_t points)
{
    for (uint32_t i = 0; i < points; i++) {
        start[i + 1] += start[i];
    }
}

/* Lists both ways of every edge at its start point: shared edges twice, in the order of the triangles. */
static void smooth_list(const wh_geometry *mesh, size_t *next, uint32_t *index)
{
    for (size_t c = 0; c < (size_t)mesh->triangle_count * 3; c++) {
        const uint32_t a = mesh->triangle[c], b = mesh->triangle[c % 3 == 2 ? c - 2 : c + 1];
        index[next[a]++] = b;
        index[next[b]++] = a;
    }
}

/* Lists them again from the other side: the neighbours of each point come out in ascending order without a sort. */
static void smooth_order(const size_t *start, const uint32_t *from, uint32_t points, size_t *next, uint32_t *to)
{
    for (uint32_t i = 0; i < points; i++) {
        for (size_t k = start[i]; k < start[i + 1]; k++) {
            to[next[from[k]]++] = i;
        }
    }
}

/* Drops repeated neighbours, and the point itself, which a degenerate triangle makes its own neighbour. */
static void smooth_unique(size_t *start, uint32_t *index, uint32_t points)
{
    size_t kept = 0, begin = 0;
    for (uint32_t i = 0; i < points; i++) {
        const size_t end = start[i + 1], first = kept;
        for (size_t k = begin; k < end; k++) {
            if (index[k] != i && (kept == first || index[kept - 1] != index[k])) {
                index[kept++] = index[k];
            }
        }
        begin = end;
        start[i + 1] = kept;
    }
}

static void smooth_build(const wh_geometry *mesh, smooth_graph *g, size_t *next, uint32_t *listed)
{
    const uint32_t points = mesh->point_count;
    const size_t corners = (size_t)mesh->triangle_count * 3, starts = ((size_t)points + 1) * sizeof *next;
    memset(g->start, 0, starts);
    for (size_t c = 0; c < corners; c++) {
        g->start[mesh->triangle[c] + (size_t)1] += 2; /* a corner ends two edges */
    }
    smooth_sum(g->start, points);
    memcpy(next, g->start, starts);
    smooth_list(mesh, next, listed);
    memcpy(next, g->start, starts);
    smooth_order(g->start, listed, points, next, g->index);
    smooth_unique(g->start, g->index, points);
}

static void deform_smooth_release(const wh_host *h, void *state)
{
    smooth_graph *g = state;
    if (!g) {
        return;
    }
    h->free(h, g->start);
    h->free(h, g->index);
    h->free(h, g);
}

static void *deform_smooth_prepare(const wh_host *h, const wh_geometry *mesh, const void *params)
{
    (void)params;
    const size_t starts = ((size_t)mesh->point_count + 1) * sizeof(size_t);
    const size_t ends = ((size_t)mesh->triangle_count * 6 + 1) * sizeof(uint32_t);
    smooth_graph *g = h->alloc(h, sizeof *g);
    if (!g) {
        h->fail(h, "not enough memory for the edges of the mesh");
        return NULL;
    }
    *g = (smooth_graph){h->alloc(h, starts), h->alloc(h, ends)};
    size_t *next = h->alloc(h, starts);
    uint32_t *listed = h->alloc(h, ends);
    const bool ok = g->start && g->index && next && listed;
    if (ok) {
        smooth_build(mesh, g, next, listed);
    } else {
        h->fail(h, "not enough memory for the edges of the mesh");
        deform_smooth_release(h, g);
    }
    h->free(h, next);
    h->free(h, listed);
    return ok ? g : NULL;
}

typedef struct {
    const smooth_graph *graph;
    const float *from;
    float *to, by; /* share of the way to the mean */
    uint32_t points;
} smooth_step;

static void smooth_point(const smooth_step *s, size_t i)
{
    const size_t begin = s->graph->start[i], end = s->graph->start[i + 1];
    double sum[3] = {0.0, 0.0, 0.0};
    for (size_t k = begin; k < end; k++) {
        const float *q = s->from + 3 * (size_t)s->graph->index[k];
        sum[0] += q[0];
        sum[1] += q[1];
        sum[2] += q[2];
    }
    for (size_t k = 0; k < 3; k++) {
        const double x = s->from[3 * i + k], mean = begin < end ? sum[k] / (double)(end - begin) : x;
        s->to[3 * i + k] = (float)(x + s->by * (mean - x));
    }
}

static void smooth_chunk(void *context, uint32_t chunk)
{
    const smooth_step *s = context;
    const size_t first = (size_t)chunk * SMOOTH_CHUNK, left = s->points - first;
    const size_t count = left < SMOOTH_CHUNK ? left : SMOOTH_CHUNK;
    for (size_t i = first; i < first + count; i++) {
        smooth_point(s, i);
    }
}

static void deform_smooth_deform(const wh_deform_job *j)
{
    const deform_smooth *p = j->params;
    const wh_host *h = j->host;
    const uint32_t points = j->mesh->point_count, chunks = points / SMOOTH_CHUNK + (points % SMOOTH_CHUNK != 0);
    const size_t bytes = (size_t)points * 3 * sizeof(float);
    const int passes = p->volume == 1 ? p->steps * 2 : p->steps;
    const float shrink = p->volume == 1 ? p->strength * 0.63f : p->strength, swell = shrink / (0.1f * shrink - 1.0f);
    if (points == 0) {
        return;
    }
    if (passes == 0) {
        memcpy(j->position, j->mesh->position, bytes);
        return;
    }
    float *spare = h->alloc(h, bytes);
    if (!spare) {
        h->fail(h, "not enough memory for a second copy of the points");
        return;
    }
    smooth_step s = {j->state, j->mesh->position, NULL, 0.0f, points};
    for (int pass = 0; pass < passes; pass++) {
        s.by = p->volume == 1 && pass % 2 == 1 ? swell : shrink;
        s.to = (passes - pass) % 2 == 1 ? j->position : spare; /* the last pass writes the result */
        if (!h->parallel_for(h, chunks, smooth_chunk, &s)) {
            break;
        }
        s.from = s.to;
    }
    h->free(h, spare);
}

WH_KERNEL(deform_smooth, .doc = "Move each point towards the mean of its neighbours",
          .needs = WH_NEEDS_TRIANGLES | WH_STATE_OF_MESH,
          .source = "Taubin, A Signal Processing Approach to Fair Surface Design, 1995",
          .prepare = deform_smooth_prepare, .release = deform_smooth_release, .deform = deform_smooth_deform);
