/* points.c - lattices and random points; see points.h.
 *
 * Body-centred: cubes with one more point in the middle, which is where the ways to the nearest eight are equal.
 * Hexagonal: spheres packed as densely as they can be, layer on layer, each the second like the first (J. Conway,
 * N. Sloane, Sphere Packings, Lattices and Groups, 1988, chapter 1). Both are rows along x, of which some are shifted
 * by half a step, so whatever fills rows of a cubic lattice fills these. */
#include "points.h"
#include <stdio.h>
#include <string.h>

#define MOST 1099511627776.0 /* candidates; more would take days */
#define FEWEST_IN_BLOCK 16384
#define MOST_IN_BLOCK 65536 /* but for the rest of a row */
#define LARGEST_BLOCK (1u << 20)

static bool is_disks(const wh_cloud_request *r)
{
    return r->kind == WH_CLOUD_DISKS;
}

/* "raise spacing to 0.1 or more" */
static void advise(const wh_cloud_request *r, double enough, char *out, size_t size)
{
    if (strcmp(r->given, "spacing") == 0 || strcmp(r->given, "radius") == 0)
        snprintf(out, size, "raise %s to %g or more", r->given, enough);
    else
        snprintf(out, size, "lower %s", r->given);
}

static bool fail_range(const wh_host *host, const wh_cloud_request *r, double index)
{
    char text[256], advice[64];
    advise(r, r->spacing * index / (WH_BIAS - 1) * 1.01, advice, sizeof advice);
    snprintf(text, sizeof text,
             "the %s %.7g steps of %g m from the origin, more than %d (%s, or move the mesh to the origin)",
             is_disks(r) ? "points reach" : "lattice reaches", index, is_disks(r) ? r->spacing * WH_CELL : r->spacing,
             WH_BIAS - 1, advice);
    host->fail(host, text);
    return false;
}

bool wh__cloud_fits(const wh_host *host, const wh_cloud_request *r, double candidates)
{
    char text[256], advice[64];
    if (candidates <= MOST || !host)
        return candidates <= MOST;
    advise(r, r->spacing * cbrt(candidates / MOST) * 1.01, advice, sizeof advice);
    snprintf(text, sizeof text, "a %s %g m %s %.4g %s in the box of the mesh, more than %.0f (%s)",
             is_disks(r) ? "radius of" : "lattice with spacing", r->spacing, is_disks(r) ? "makes" : "has", candidates,
             is_disks(r) ? "cells" : "points", MOST, advice);
    host->fail(host, text);
    return false;
}

bool wh__cloud_span(const wh_host *host, const wh_cloud_request *r, double low, double high, int64_t *first,
                    uint64_t *count)
{
    const double reach = fmax(fabs(low), fabs(high));
    if (!(reach <= WH_BIAS - 1))
        return host && fail_range(host, r, reach);
    *first = (int64_t)low;
    *count = high < low ? 0 : (uint64_t)(high - low) + 1;
    return true;
}

/* Steps of the three lattices for a distance of 1 between neighbours: in a row, from row to row, layer to layer. */
static const double steps[3][3] = {
    [WH_LATTICE_CUBIC] = {1, 1, 1},
    [WH_LATTICE_BODY_CENTRED] = {1.1547005383792515, 1.1547005383792515, 0.57735026918962576},
    [WH_LATTICE_HEXAGONAL] = {1, 0.8660254037844386, 0.81649658092772603},
};

/* How far layer z is shifted along y, and row y of it along x, in steps. */
static double shift_of_layer(wh_lattice_kind kind, int64_t z)
{
    if (kind == WH_LATTICE_CUBIC || !(z & 1))
        return 0;
    return kind == WH_LATTICE_BODY_CENTRED ? 0.5 : 1.0 / 3;
}

static double shift_of_row(wh_lattice_kind kind, int64_t y, int64_t z)
{
    if (kind == WH_LATTICE_CUBIC)
        return 0;
    return (kind == WH_LATTICE_BODY_CENTRED ? z & 1 : (y ^ z) & 1) ? 0.5 : 0;
}

/* A block is whole rows, and there are some for every thread. */
static uint32_t block_of_rows(const wh_cloud *c)
{
    const uint64_t share = c->candidates / 16;
    const uint64_t wanted = share < FEWEST_IN_BLOCK ? FEWEST_IN_BLOCK : share < MOST_IN_BLOCK ? share : MOST_IN_BLOCK;
    const uint64_t row = c->count[0];
    if (row == 0 || row > LARGEST_BLOCK)
        return FEWEST_IN_BLOCK;
    return (uint32_t)((wanted + row - 1) / row * row <= LARGEST_BLOCK ? (wanted + row - 1) / row * row : row);
}

static bool make_lattice(const wh_host *host, wh_cloud *c)
{
    const wh_cloud_request *r = &c->asked;
    const double shift[3] = {r->lattice == WH_LATTICE_CUBIC ? 0 : 0.5,
                             r->lattice == WH_LATTICE_CUBIC ? 0 : shift_of_layer(r->lattice, 1), 0};
    double points = 1;
    for (int k = 0; k < 3; k++) {
        const double step = c->step[k] = steps[r->lattice][k] * r->spacing, move = r->jitter * r->spacing / 2 / step;
        if (!wh__cloud_span(host, r, ceil(r->low[k] / step - shift[k] - move), floor(r->high[k] / step + move),
                            &c->first[k], &c->count[k]))
            return false;
        points *= (double)c->count[k];
    }
    if (!wh__cloud_fits(host, r, points))
        return false;
    c->candidates = c->count[0] * c->count[1] * c->count[2];
    c->block = block_of_rows(c);
    return true;
}

bool wh__cloud_make(const wh_host *host, const wh_cloud_request *asked, wh_cloud *out)
{
    *out = (wh_cloud){.asked = *asked, .block = FEWEST_IN_BLOCK};
    if (asked->empty)
        return true;
    if (asked->kind == WH_CLOUD_DISKS)
        return wh__disks_make(host, out);
    if (asked->kind == WH_CLOUD_LATTICE)
        return make_lattice(host, out);
    out->candidates = UINT64_MAX;
    return true;
}

wh_row wh__cloud_row(const wh_cloud *c, uint64_t row)
{
    const int64_t y = c->first[1] + (int64_t)(row % c->count[1]), z = c->first[2] + (int64_t)(row / c->count[1]);
    const wh_lattice_kind kind = c->asked.lattice;
    return (wh_row){.id = wh__cloud_id(c->first[0], y, z),
                    .count = c->count[0],
                    .first = (int32_t)c->first[0],
                    .shift = shift_of_row(kind, y, z),
                    .y = (float)(((double)y + shift_of_layer(kind, z)) * c->step[1]),
                    .z = (float)((double)z * c->step[2])};
}

/* A number in 0 .. 1, 1 excluded, that depends on nothing but these three. */
static double unit(uint64_t seed, uint64_t i, uint64_t axis)
{
    return (double)(wh__mix(wh__mix(seed + WH_GOLDEN) + (3 * i + axis + 1) * WH_GOLDEN) >> 11) * 0x1p-53;
}

static float moved(const wh_cloud *c, float at, uint64_t id, uint64_t axis)
{
    if (c->asked.jitter == 0)
        return at;
    return (float)((double)at + (unit(c->asked.seed, id, axis) - 0.5) * c->asked.jitter * c->asked.spacing);
}

static void lattice_points(const wh_cloud *c, uint64_t first, uint32_t count, float *x, float *y, float *z,
                           uint64_t *id)
{
    for (uint32_t done = 0; done < count;) {
        const wh_row row = wh__cloud_row(c, (first + done) / c->count[0]);
        for (uint32_t i = (uint32_t)((first + done) % c->count[0]); i < row.count && done < count; i++, done++) {
            const uint64_t name = id[done] = row.id + i;
            x[done] = moved(c, wh__cloud_row_x(c, &row, i), name, 0);
            y[done] = moved(c, row.y, name, 1);
            z[done] = moved(c, row.z, name, 2);
        }
    }
}

static float between(const wh_cloud *c, uint64_t i, int axis)
{
    const double low = c->asked.low[axis], high = c->asked.high[axis];
    return (float)(low + unit(c->asked.seed, i, (uint64_t)axis) * (high - low));
}

static void random_points(const wh_cloud *c, uint64_t first, uint32_t count, float *x, float *y, float *z, uint64_t *id)
{
    for (uint32_t k = 0; k < count; k++) {
        id[k] = first + k;
        x[k] = between(c, first + k, 0);
        y[k] = between(c, first + k, 1);
        z[k] = between(c, first + k, 2);
    }
}

bool wh__cloud_points(const wh_host *host, const wh_cloud *c, uint64_t first, uint32_t count, float *x, float *y,
                      float *z, uint64_t *id, uint32_t *written)
{
    *written = c->asked.empty ? 0 : count;
    if (*written == 0)
        return true;
    if (c->asked.kind == WH_CLOUD_DISKS)
        return wh__disks_points(host, c, first, count, x, y, z, id, written);
    if (c->asked.kind == WH_CLOUD_LATTICE)
        lattice_points(c, first, count, x, y, z, id);
    else
        random_points(c, first, count, x, y, z, id);
    return true;
}
