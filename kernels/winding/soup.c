/* soup.c - see soup.h. */
#include "soup.h"
#include "simd.h"
#include <float.h>
#include <stdio.h>
#include <string.h>

#define NONE UINT32_MAX

static void *get(const wh_host *host, uint64_t count, size_t item)
{
    return count > SIZE_MAX / 2 / item ? NULL : host->alloc(host, count ? (size_t)count * item : 1);
}

bool wh__is_finite_point(const float p[3])
{
    return fabsf(p[0]) <= FLT_MAX && fabsf(p[1]) <= FLT_MAX && fabsf(p[2]) <= FLT_MAX;
}

/* ---- points at one position */

static uint64_t hash_point(const float p[3])
{
    uint64_t h = 0;
    for (int k = 0; k < 3; k++) {
        float v = p[k] + 0.0f; /* -0 becomes 0 */
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        h = (h ^ bits) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

/* Fills same[i] with the first point at the position of point i, NONE when that is not finite. */
static bool weld(const wh_host *host, const wh_geometry *mesh, uint32_t *same)
{
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)mesh->point_count)
        slots *= 2;
    uint32_t *slot = get(host, slots, sizeof *slot);
    if (!slot)
        return false;
    memset(slot, 0xff, (size_t)slots * sizeof *slot);
    for (uint32_t i = 0; i < mesh->point_count; i++) {
        const float *p = mesh->position + 3 * (size_t)i;
        same[i] = NONE;
        if (!wh__is_finite_point(p))
            continue;
        uint64_t s = hash_point(p) & (slots - 1);
        for (; slot[s] != NONE; s = (s + 1) & (slots - 1)) {
            const float *o = mesh->position + 3 * (size_t)slot[s];
            if (o[0] == p[0] && o[1] == p[1] && o[2] == p[2])
                break;
        }
        if (slot[s] == NONE)
            slot[s] = i;
        same[i] = slot[s];
    }
    host->free(host, slot);
    return true;
}

/* Copies the triangles that have an area by their indices; returns how many. */
static uint32_t keep_triangles(const wh_geometry *mesh, const uint32_t *same, uint32_t *out, uint32_t *broken)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < mesh->triangle_count; i++) {
        const uint32_t *t = mesh->triangle + 3 * (size_t)i;
        uint32_t *o = out + 3 * (size_t)count;
        for (int k = 0; k < 3; k++)
            o[k] = same[t[k]];
        if (o[0] == NONE || o[1] == NONE || o[2] == NONE)
            (*broken)++;
        else if (o[0] != o[1] && o[1] != o[2] && o[2] != o[0])
            count++;
    }
    return count;
}

static void warn_of_broken(const wh_host *host, uint32_t broken)
{
    char text[128];
    snprintf(text, sizeof text, "winding: %u triangle%s with a point that is not finite %s left out", (unsigned)broken,
             broken == 1 ? "" : "s", broken == 1 ? "was" : "were");
    if (broken)
        host->warn(host, text);
}

/* ---- the unit box */

static void find_box(wh_soup *s, const wh_geometry *mesh)
{
    vquad low = {FLT_MAX, FLT_MAX, FLT_MAX, 0}, high = -low;
    for (size_t i = 0; i < 3 * (size_t)s->count; i++) {
        const float *p = mesh->position + 3 * (size_t)s->triangle[i];
        const vquad at = {p[0], p[1], p[2], 0};
        low = q_min(low, at);
        high = q_max(high, at);
    }
    for (int k = 0; k < 3; k++) {
        s->low[k] = low[k];
        s->high[k] = high[k];
    }
}

/* Nothing is rounded when points move to the box. The scale is a power of two. Where the origin is near, it is the
 * center; further away the center has so few digits that the difference, which is smaller than the point, has no more
 * than a float. */
void wh__soup_place(wh_soup *s)
{
    double size = 0, reach = 0;
    for (int k = 0; k < 3; k++)
        size = fmax(size, s->high[k] - s->low[k]);
    for (int k = 0; k < 3; k++) {
        const double middle = 0.5 * (s->low[k] + s->high[k]);
        const double digit = size > 0 ? ldexp(1, ilogb(size) - 8) : 1;
        s->center[k] = fabs(middle) < size ? 0 : size > 0 ? floor(middle / digit + 0.5) * digit : middle;
        reach = fmax(reach, fmax(fabs(s->low[k] - s->center[k]), fabs(s->high[k] - s->center[k])));
    }
    s->scale = reach > 0 ? ldexp(1, -ilogb(reach) - 1) : 1;
}

bool wh__soup_make(const wh_host *host, const wh_geometry *mesh, wh_soup *out)
{
    uint32_t broken = 0;
    *out = (wh_soup){.scale = 1};
    uint32_t *same = get(host, mesh->point_count, sizeof *same);
    out->triangle = get(host, 3 * (uint64_t)mesh->triangle_count, sizeof *out->triangle);
    const bool ok = same && out->triangle && weld(host, mesh, same);
    if (ok)
        out->count = keep_triangles(mesh, same, out->triangle, &broken);
    host->free(host, same);
    if (!ok) {
        wh__soup_free(host, out);
        return false;
    }
    warn_of_broken(host, broken);
    if (out->count) {
        find_box(out, mesh);
        wh__soup_place(out);
    }
    return true;
}

void wh__soup_free(const wh_host *host, wh_soup *soup)
{
    host->free(host, soup->triangle);
    soup->triangle = NULL;
}
