/* nearest.h - the place of a mesh's surface that is nearest to a point. */
#ifndef WH_NEAREST_H
#define WH_NEAREST_H
#include "cook.h"

typedef struct {
    const wh_geometry *mesh; /* borrowed */
    uint32_t count, depth;   /* triangles that count; levels of nodes below the first */
    uint32_t *order;         /* triangles, leaf by leaf */
    float (*box)[6];         /* of each node: low, high; the children of node i are 2 i + 1 and 2 i + 2 */
} wh__nearest;

typedef struct {
    uint32_t triangle; /* UINT32_MAX: the mesh has none with an area */
    float place[2];    /* weights of its second and third corner */
    float distance;
} wh__place;

/* Builds on all threads. False: memory is short, or the cook has stopped; then there is nothing to free. */
bool wh__nearest_build(wh__cook *c, const wh_geometry *mesh, wh__nearest *out);
void wh__nearest_free(wh__nearest *n);
wh__place wh__nearest_to(const wh__nearest *n, float x, float y, float z); /* [any] */
#endif
