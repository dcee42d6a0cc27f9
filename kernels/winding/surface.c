/* surface.c - see surface.h. */
#include "surface.h"
#include <float.h>
#include <string.h>

#define BAND 8192 /* triangles that one job takes */
#define MOST_LAYERS 4096
#define PER_LAYER 32 /* faces */

typedef struct {
    const float *position;
    const uint32_t *triangle, *cap;
    uint32_t triangle_count;
    wh_surface *out;
    float (*ends)[2][3]; /* low and high corner of the faces of each band */
} builder;

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

static void copy_band(void *context, uint32_t band)
{
    builder *b = context;
    wh_surface *s = b->out;
    uint32_t first = band * BAND, end = s->count - first < BAND ? s->count : first + BAND;
    float low[3] = {FLT_MAX, FLT_MAX, FLT_MAX}, high[3] = {-FLT_MAX, -FLT_MAX, -FLT_MAX};
    for (uint32_t i = first; i < end; i++) {
        const uint32_t *t =
            i < b->triangle_count ? b->triangle + 3 * (size_t)i : b->cap + 3 * (size_t)(i - b->triangle_count);
        wh_face *f = s->face + i;
        for (size_t k = 0; k < 3; k++)
            memcpy(f->corner[k], b->position + 3 * (size_t)t[k], sizeof f->corner[k]);
        for (uint32_t k = 0; k < 3; k++) {
            wh_range r = wh__face_range(f, k);
            low[k] = wh_min(r.low, low[k]);
            high[k] = wh_max(r.high, high[k]);
        }
    }
    memcpy(b->ends[band][0], low, sizeof low);
    memcpy(b->ends[band][1], high, sizeof high);
}

static void join_bands(const builder *b, uint32_t bands)
{
    wh_surface *s = b->out;
    memcpy(s->low, b->ends[0][0], sizeof s->low);
    memcpy(s->high, b->ends[0][1], sizeof s->high);
    for (uint32_t i = 1; i < bands; i++)
        for (int k = 0; k < 3; k++) {
            s->low[k] = wh_min(s->low[k], b->ends[i][0][k]);
            s->high[k] = wh_max(s->high[k], b->ends[i][1][k]);
        }
}

bool wh__surface_build(const wh_host *host, const float *position, const uint32_t *triangle, uint32_t triangle_count,
                       const uint32_t *cap, uint32_t cap_count, wh_surface *out)
{
    builder b = {position, triangle, cap, triangle_count, out, NULL};
    *out = (wh_surface){.count = triangle_count + cap_count};
    uint32_t bands = out->count / BAND + (out->count % BAND > 0);
    if (!bands)
        return true;
    out->face = get(host, out->count, sizeof *out->face);
    b.ends = get(host, bands, sizeof *b.ends);
    bool ok = out->face && b.ends && host->parallel_for(host, bands, copy_band, &b);
    if (ok)
        join_bands(&b, bands);
    host->free(host, b.ends);
    if (!ok)
        wh__surface_free(host, out);
    return ok;
}

static void sort_faces(wh_surface *s)
{
    memset(s->layer, 0, (s->layers + 2) * sizeof *s->layer);
    for (uint32_t i = 0; i < s->layers; i++)
        s->layer_high[i] = -FLT_MAX;
    for (uint32_t i = 0; i < s->count; i++) {
        wh_range z = wh__face_range(s->face + i, 2);
        uint32_t layer = wh__layer_of(s, z.low);
        s->layer[layer + 2]++;
        s->layer_high[layer] = wh_max(s->layer_high[layer], z.high);
    }
    for (uint32_t i = 2; i <= s->layers; i++)
        s->layer[i] += s->layer[i - 1];
    for (uint32_t i = 0; i < s->count; i++)
        s->order[s->layer[wh__layer_of(s, wh__face_range(s->face + i, 2).low) + 1]++] = i;
}

bool wh__surface_add_layers(const wh_host *host, wh_surface *s)
{
    uint32_t layers = s->count / PER_LAYER + 1;
    if (s->layers)
        return true;
    layers = layers < MOST_LAYERS ? layers : MOST_LAYERS;
    s->order = get(host, s->count, sizeof *s->order);
    s->layer = get(host, layers + 2, sizeof *s->layer);
    s->layer_high = get(host, layers, sizeof *s->layer_high);
    if (!s->order || !s->layer || !s->layer_high)
        return false;
    s->layers = layers;
    sort_faces(s);
    return true;
}

void wh__surface_free(const wh_host *host, wh_surface *s)
{
    host->free(host, s->face);
    host->free(host, s->order);
    host->free(host, s->layer);
    host->free(host, s->layer_high);
    *s = (wh_surface){0};
}
