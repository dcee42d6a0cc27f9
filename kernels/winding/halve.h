/* halve.h - points in two halves, near ones together: how triangles and queries get an order in space. */
#ifndef WH_WINDING_HALVE_H
#define WH_WINDING_HALVE_H
#include "whorl_kernel.h"

typedef struct {
    float x, y, z;
    uint32_t index; /* whose place it is */
} wh_place;

/* Reorders the places so that none of the first `left` lies above one of the others along the longest side of their
 * box. Nearly: places that differ by less than 2^-17 of a coordinate count as level. spare: as much room.
 * Time is linear in count, and the same order comes out everywhere. */
void wh__halve(wh_place *place, wh_place *spare, uint32_t count, uint32_t left);
#endif
