/* lattice.h - winding numbers of a closed surface on lattices: one crossing for each row and triangle, then sums.
 *
 * A lattice is given by its floats along x, y and z, rising, about evenly spaced: any origin, spacing and box. Lattices
 * that are body-centred or hexagonal are a few of these. As in crossing.h all is decided for the floats that come in,
 * and what is on the surface, or closer than double can tell, is said to be open. */
#ifndef WH_WINDING_LATTICE_H
#define WH_WINDING_LATTICE_H
#include "surface.h"

#define WH_LATTICE_OPEN INT16_MIN /* not proven */

/* Whole rows: point (i, j, k) is (x[i], y[j], z[k]), its number is i + j * row + k * layer. */
typedef struct {
    const float *x, *y, *z; /* rising */
    uint32_t nx, ny, nz;
    size_t row, layer; /* nx and nx * ny, or more to leave room for rows in between */
} wh_slab;

/* Writes the winding number of every point at its number. *open: how many are not proven. False when memory is short.
 * [any thread] */
bool wh__lattice_rows(const wh_host *host, const wh_surface *surface, const wh_slab *slab, int16_t *winding,
                      uint64_t *open);
#endif
