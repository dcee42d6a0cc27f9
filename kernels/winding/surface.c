/* surface.c - see surface.h. */
#include "surface.h"
#include "simd.h"
#include <float.h>
#include <string.h>

#define BAND 8192 /* triangles that one job takes */
#define MOST_LAYERS 4096
#define LEAST_BAND 65536 /* faces whose layers one job finds */
#define MOST_BANDS 64
#define PER_LAYER 32 /* faces */

typedef struct { /* what is found of the faces of a band */
    vquad low, high;
    bool sound;
} extent;

typedef struct {
    const float *position;
    const uint32_t *triangle, *cap;
    uint32_t triangle_count;
    wh_surface *out;
    extent *band;
} builder;

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

static inline vquad copy_corner(wh_face *to, int k, const float *from)
{
    memcpy(to->corner[k], from, sizeof to->corner[k]);
    return (vquad){from[0], from[1], from[2], 0};
}

static inline int same_place(vquad a, vquad b)
{
    return (a[0] == b[0]) & (a[1] == b[1]) & (a[2] == b[2]);
}

static void copy_band(void *context, uint32_t band)
{
    builder *b = context;
    wh_surface *s = b->out;
    const uint32_t first = band * BAND, end = s->count - first < BAND ? s->count : first + BAND;
    vquad low = {FLT_MAX, FLT_MAX, FLT_MAX, 0}, high = -low, none = {0, 0, 0, 0};
    int flat = 0;
    for (uint32_t i = first; i < end; i++) {
        const uint32_t *t =
            i < b->triangle_count ? b->triangle + 3 * (size_t)i : b->cap + 3 * (size_t)(i - b->triangle_count);
        wh_face *f = s->face + i;
        const vquad p = copy_corner(f, 0, b->position + 3 * (size_t)t[0]),
                    q = copy_corner(f, 1, b->position + 3 * (size_t)t[1]),
                    r = copy_corner(f, 2, b->position + 3 * (size_t)t[2]);
        low = q_min(low, q_min(p, q_min(q, r)));
        high = q_max(high, q_max(p, q_max(q, r)));
        none += 0 * p + 0 * q + 0 * r; /* a NaN from what is not finite */
        flat |= same_place(p, q) | same_place(q, r) | same_place(r, p);
    }
    b->band[band] = (extent){low, high, !flat && same_place(none, (vquad){0, 0, 0, 0})};
}

static bool join_bands(const builder *b, uint32_t bands)
{
    extent all = b->band[0];
    for (uint32_t i = 1; i < bands; i++) {
        all.low = q_min(all.low, b->band[i].low);
        all.high = q_max(all.high, b->band[i].high);
        all.sound = all.sound && b->band[i].sound;
    }
    memcpy(b->out->low, &all.low, sizeof b->out->low);
    memcpy(b->out->high, &all.high, sizeof b->out->high);
    return all.sound;
}

bool wh__surface_build(const wh_host *host, const float *position, const uint32_t *triangle, uint32_t triangle_count,
                       const uint32_t *cap, uint32_t cap_count, wh_surface *out, bool *sound)
{
    builder b = {position, triangle, cap, triangle_count, out, NULL};
    *out = (wh_surface){.count = triangle_count + cap_count};
    *sound = true;
    uint32_t bands = out->count / BAND + (out->count % BAND > 0);
    if (!bands)
        return true;
    out->face = get(host, out->count, sizeof *out->face);
    b.band = get(host, bands, sizeof *b.band);
    bool ok = out->face && b.band && host->parallel_for(host, bands, copy_band, &b);
    if (ok)
        *sound = join_bands(&b, bands);
    host->free(host, b.band);
    if (!ok)
        wh__surface_free(host, out);
    return ok;
}

/* ---- layers */

typedef struct {
    wh_surface *s;
    uint32_t band, bands; /* faces that one job takes; jobs */
    uint16_t *layer;      /* of each face */
    uint32_t *next;       /* for each band and layer: how many faces, then where the next one goes */
    float *high;          /* for each band and layer */
} sorter;

static uint32_t end_of(const sorter *o, uint32_t first)
{
    return o->s->count - first < o->band ? o->s->count : first + o->band;
}

static void find_layers(void *context, uint32_t band)
{
    const sorter *o = context;
    const wh_surface *s = o->s;
    uint32_t *next = o->next + (size_t)band * s->layers, first = band * o->band;
    float *high = o->high + (size_t)band * s->layers;
    for (uint32_t i = 0; i < s->layers; i++) {
        next[i] = 0;
        high[i] = -FLT_MAX;
    }
    for (uint32_t i = first, end = end_of(o, first); i < end; i++) {
        const wh_range z = wh__face_range(s->face + i, 2);
        const uint32_t layer = wh__layer_of(s, z.low);
        o->layer[i] = (uint16_t)layer;
        next[layer]++;
        high[layer] = wh_max(high[layer], z.high);
    }
}

/* In each layer the faces of one band come after those of the band before. */
static void share_out(const sorter *o)
{
    wh_surface *s = o->s;
    uint32_t sum = 0;
    for (size_t layer = 0; layer < s->layers; layer++) {
        s->layer[layer] = sum;
        s->layer_high[layer] = -FLT_MAX;
        for (size_t at = layer; at < (size_t)o->bands * s->layers; at += s->layers) {
            const uint32_t count = o->next[at];
            o->next[at] = sum;
            sum += count;
            s->layer_high[layer] = wh_max(s->layer_high[layer], o->high[at]);
        }
    }
    s->layer[s->layers] = sum;
}

static void put_faces(void *context, uint32_t band)
{
    const sorter *o = context;
    const uint32_t first = band * o->band, end = end_of(o, first);
    uint32_t *next = o->next + (size_t)band * o->s->layers;
    for (uint32_t i = first; i < end; i++)
        o->s->order[next[o->layer[i]]++] = i;
}

static bool sort_faces(const wh_host *host, wh_surface *s)
{
    sorter o = {.s = s, .band = s->count / MOST_BANDS + 1};
    o.band = o.band < LEAST_BAND ? LEAST_BAND : o.band;
    o.bands = s->count / o.band + (s->count % o.band > 0);
    o.layer = get(host, s->count, sizeof *o.layer);
    o.next = get(host, (uint64_t)o.bands * s->layers, sizeof *o.next);
    o.high = get(host, (uint64_t)o.bands * s->layers, sizeof *o.high);
    bool ok = o.layer && o.next && o.high && host->parallel_for(host, o.bands, find_layers, &o);
    if (ok) {
        share_out(&o);
        ok = host->parallel_for(host, o.bands, put_faces, &o);
    }
    host->free(host, o.layer);
    host->free(host, o.next);
    host->free(host, o.high);
    return ok;
}

bool wh__surface_add_layers(const wh_host *host, wh_surface *s)
{
    uint32_t layers = s->count / PER_LAYER + 1;
    if (s->layers)
        return true;
    layers = layers < MOST_LAYERS ? layers : MOST_LAYERS;
    s->order = get(host, s->count, sizeof *s->order);
    s->layer = get(host, layers + 1, sizeof *s->layer);
    s->layer_high = get(host, layers, sizeof *s->layer_high);
    if (!s->order || !s->layer || !s->layer_high)
        return false;
    s->layers = layers;
    return sort_faces(host, s);
}

void wh__surface_free(const wh_host *host, wh_surface *s)
{
    host->free(host, s->face);
    host->free(host, s->order);
    host->free(host, s->layer);
    host->free(host, s->layer_high);
    *s = (wh_surface){0};
}
