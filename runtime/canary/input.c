/* input.c - points that kernels often did not think of, and the mesh that comes with the request. All of it may only be
 * read, and ends where its pages end. */
#define _GNU_SOURCE
#include "helper.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define RING 32 /* points around the torus, each way */

static float spread(uint32_t i) /* -1 .. 1 */
{
    return (float)(wh_hash(i) >> 8) * (2.0f / 16777216.0f) - 1.0f;
}

static void torus_point(uint32_t i, float p[3])
{
    const float turn = 6.2831853f / RING; /* a little off, so that no coordinate is 0 */
    const float u = ((float)(i / RING) + 0.3f) * turn, v = ((float)(i % RING) + 0.3f) * turn;
    const float r = 0.7f + 0.3f * wh_cos(v);
    p[0] = r * wh_cos(u), p[1] = r * wh_sin(u), p[2] = 0.3f * wh_sin(v);
}

static void loose_point(uint32_t i, float p[3])
{
    for (uint32_t k = 0; k < 3; k++)
        p[k] = spread(i * 3 + k);
}

static void nan_point(uint32_t i, float p[3])
{
    (void)i;
    p[0] = p[1] = p[2] = NAN;
}

static void infinite_point(uint32_t i, float p[3])
{
    for (uint32_t k = 0; k < 3; k++)
        p[k] = spread(i * 3 + k) < 0 ? -INFINITY : INFINITY;
}

static void huge_point(uint32_t i, float p[3])
{
    for (uint32_t k = 0; k < 3; k++)
        p[k] = spread(i * 3 + k) < 0 ? -FLT_MAX : FLT_MAX;
}

static void tiny_point(uint32_t i, float p[3])
{
    static const float values[] = {0.0f, -0.0f, FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MIN, -FLT_MIN, 1e-40f};
    for (uint32_t k = 0; k < 3; k++)
        p[k] = values[wh_hash(i * 3 + k) % 7];
}

static const uint32_t *torus_triangles(void)
{
    static wh__guarded_array *a;
    if (a || !(a = wh__array_new("triangle", WH_BLOCK * 6 * sizeof(uint32_t), 4)))
        return a ? (const uint32_t *)(void *)a->begin : NULL;
    uint32_t *t = (uint32_t *)(void *)a->begin;
    for (uint32_t i = 0; i < RING; i++)
        for (uint32_t j = 0; j < RING; j++) {
            const uint32_t p = i * RING + j, q = i * RING + (j + 1) % RING;
            const uint32_t r = (p + RING) % WH_BLOCK, s = (q + RING) % WH_BLOCK;
            const uint32_t two[6] = {p, r, s, p, s, q};
            memcpy(t, two, sizeof two);
            t += 6;
        }
    wh__array_fix(a, true);
    return (const uint32_t *)(void *)a->begin;
}

static void make_input(wh__input *in, uint32_t count, void (*point)(uint32_t i, float p[3]))
{
    wh__guarded_array *a = wh__array_new("position", (size_t)count * 12, 4);
    const uint32_t *triangle = count == WH_BLOCK ? torus_triangles() : NULL;
    if (!a)
        return;
    for (uint32_t i = 0; i < count; i++)
        point(i, (float *)(void *)a->begin + i * 3);
    wh__array_fix(a, true);
    in->shape = (wh_geometry){.size = sizeof in->shape,
                              .point_count = count,
                              .position = (const float *)(const void *)a->begin,
                              .triangle = triangle,
                              .triangle_count = triangle ? 2 * WH_BLOCK : 0};
}

wh__input wh__made_up[WH_MADE_UP] = {{.name = "no points"},
                                     {.name = "1 made-up point", .ordinary = true},
                                     {.name = "1024 made-up points", .ordinary = true, .loose = true},
                                     {.name = "1024 made-up points", .ordinary = true, .closed = true},
                                     {.name = "1024 points that are NaN"},
                                     {.name = "1024 points that are infinite"},
                                     {.name = "1024 huge points"},
                                     {.name = "1024 tiny points"}};

void wh__make_inputs(void)
{
    static void (*const point[WH_MADE_UP])(uint32_t, float[3]) = {loose_point, loose_point,    loose_point, torus_point,
                                                                  nan_point,   infinite_point, huge_point,  tiny_point};
    if (wh__made_up[0].shape.size)
        return;
    for (uint32_t i = 0; i < WH_MADE_UP; i++)
        make_input(&wh__made_up[i], i < 2 ? i : WH_BLOCK, point[i]);
}

/* Not cook.c's: the helper must not blame a kernel for normals, so their bits do not matter. */
void wh__make_normals(wh__input *in)
{
    const wh_geometry *g = &in->shape;
    if (in->normal || !(in->normal = calloc((size_t)g->point_count * 3 + 1, sizeof *in->normal)))
        return;
    for (size_t t = 0; t < g->triangle_count; t++) {
        const uint32_t *v = g->triangle + t * 3;
        if (v[0] >= g->point_count || v[1] >= g->point_count || v[2] >= g->point_count)
            continue;
        const float *a = g->position + (size_t)v[0] * 3, *b = g->position + (size_t)v[1] * 3,
                    *c = g->position + (size_t)v[2] * 3;
        for (int k = 0; k < 3; k++) {
            const int m = (k + 1) % 3, n = (k + 2) % 3;
            const float cross = (b[m] - a[m]) * (c[n] - a[n]) - (b[n] - a[n]) * (c[m] - a[m]);
            for (int corner = 0; corner < 3; corner++)
                in->normal[(size_t)v[corner] * 3 + (size_t)k] += cross;
        }
    }
    for (size_t i = 0; i < g->point_count; i++) {
        float *n = in->normal + i * 3;
        const double length = sqrt((double)n[0] * n[0] + (double)n[1] * n[1] + (double)n[2] * n[2]);
        for (int k = 0; k < 3; k++)
            n[k] = length > 0 && length < (double)INFINITY ? (float)(n[k] / length) : 0;
    }
}

void wh__map_mesh(wh__input *in, const wh__request *r, int file, wh__guarded_array *held[2])
{
    if (!r->has_mesh)
        return;
    held[0] = wh__array_of_file("position", file, r->position_at, (size_t)r->point_count * 12);
    held[1] = wh__array_of_file("triangle", file, r->triangle_at, (size_t)r->triangle_count * 12);
    if (!held[0] || !held[1])
        return;
    in->shape = (wh_geometry){.size = sizeof in->shape,
                              .point_count = r->point_count,
                              .triangle_count = r->triangle_count,
                              .position = (const float *)(const void *)held[0]->begin,
                              .triangle = r->triangle_count ? (const uint32_t *)(const void *)held[1]->begin : NULL};
}
