/* soup.h - the triangles of a mesh that count for winding numbers, whatever mesh comes in. */
#ifndef WH_WINDING_SOUP_H
#define WH_WINDING_SOUP_H
#include "whorl_kernel.h"

#define WH_MOST_POINTS (UINT32_MAX / 4) /* points, triangles: what is built from them has flags beside an index */

/* Triangles with a point that is not finite, and those with two corners at one position, are left out. */
typedef struct {
    double center[3]; /* a point of the soup is (point - center) * scale: within -1 .. 1, and exact as a float */
    double scale;
    double low[3], high[3]; /* metres */
    uint32_t *triangle;     /* three points each; of points at one position the first, so that unwelded meshes close */
    uint32_t count;
} wh_soup;

/* Warns once when triangles are not finite. False when memory is short. */
bool wh__soup_make(const wh_host *host, const wh_geometry *mesh, wh_soup *out);
void wh__soup_place(wh_soup *soup); /* sets center and scale by low and high */
void wh__soup_free(const wh_host *host, wh_soup *soup);

bool wh__is_finite_point(const float p[3]);
#endif
