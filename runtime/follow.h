/* follow.h - points of a sample and the surface that they come from: its attributes, and its movement. */
#ifndef WH_FOLLOW_H
#define WH_FOLLOW_H
#include "nearest.h"

typedef struct {
    wh__nearest tree;
    const wh_view *view;  /* attributes are those of its points */
    const uint8_t *moved; /* where the points of the mesh are now, or NULL: they did not move */
    size_t stride;
    uint32_t columns; /* floats of each point: weights of corners, distance, attributes */
} wh__surface;

enum { WH_COLUMN_SECOND, WH_COLUMN_THIRD, WH_COLUMN_DISTANCE, WH_COLUMN_ATTRIBUTES };

/* Finds the nearest place for each of the points; column[k][i] is theirs. Moves them when the mesh has moved. [any] */
void wh__bind_points(const wh__surface *s, uint32_t count, float *x, float *y, float *z, uint32_t *triangle,
                     float *const *column);
#endif
