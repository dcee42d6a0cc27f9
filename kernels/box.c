/* box.c - a box around the origin whose faces share the points of their edges. */
#include "whorl_kernel.h"

/* clang-format off */
WH_PARAMS(mesh_box,
    float size[3]      WH_UI({ 1, 1, 1 }, min = 1e-4, max = 1e4, unit = "m", doc = "Length along x, y and z");
    int   divisions[3] WH_UI({ 8, 8, 8 }, min = 1, max = 2048, doc = "Pieces along x, y and z");
)
/* clang-format on */

/* Number of surface point (x, y, z) of the lattice. The first and last layer along z are full; those between have only
 * the border: the rows y = 0 and y = last, then two points for each row between. */
static uint32_t box_point(const uint32_t n[3], const uint32_t at[3])
{
    const uint32_t row = n[0] + 1, full = row * (n[1] + 1), border = 2 * (n[0] + n[1]);
    const uint32_t layer = at[2] == 0 ? 0 : full + (at[2] - 1) * border;
    if (at[2] == 0 || at[2] == n[2]) {
        return layer + at[1] * row + at[0];
    }
    if (at[1] == 0) {
        return layer + at[0];
    }
    if (at[1] == n[1]) {
        return layer + row + at[0];
    }
    return layer + 2 * row + 2 * (at[1] - 1) + (at[0] != 0);
}

typedef struct {
    const mesh_box *params;
    uint32_t n[3];
    float *position;
} box_lattice;

static uint32_t box_place(const box_lattice *l, const uint32_t at[3])
{
    const uint32_t index = box_point(l->n, at);
    for (int k = 0; k < 3; k++) {
        l->position[3 * (size_t)index + (size_t)k] = l->params->size[k] * ((float)at[k] / (float)l->n[k] - 0.5f);
    }
    return index;
}

/* The face where axis is 0 or its last: writes its points and two triangles for each of its squares. */
static uint32_t *box_face(const box_lattice *l, int axis, bool last, uint32_t *t)
{
    const int u = (axis + 1) % 3, v = (axis + 2) % 3;
    for (uint32_t i = 0; i < l->n[u]; i++) {
        for (uint32_t k = 0; k < l->n[v]; k++, t += 6) {
            uint32_t corner[4], at[3];
            for (uint32_t c = 0; c < 4; c++) { /* counter-clockwise for an eye up the axis */
                at[axis] = last ? l->n[axis] : 0;
                at[u] = i + (c == 1 || c == 2);
                at[v] = k + (c >= 2);
                corner[c] = box_place(l, at);
            }
            const uint32_t b = corner[last ? 1 : 3], d = corner[last ? 3 : 1];
            const uint32_t corners[6] = {corner[0], b, corner[2], corner[0], corner[2], d};
            for (int c = 0; c < 6; c++) {
                t[c] = corners[c];
            }
        }
    }
    return t;
}

static bool mesh_box_make(const wh_make *m)
{
    const mesh_box *p = m->params;
    box_lattice l = {p, {(uint32_t)p->divisions[0], (uint32_t)p->divisions[1], (uint32_t)p->divisions[2]}, NULL};
    const uint32_t squares = l.n[0] * l.n[1] + l.n[1] * l.n[2] + l.n[2] * l.n[0];
    uint32_t *t;
    if (!m->begin(m, 2 * squares + 2, 4 * squares, &l.position, &t)) { /* points by Euler: squares on both sides, + 2 */
        m->host->fail(m->host, "not enough memory for the mesh");
        return false;
    }
    for (int axis = 0; axis < 3; axis++) {
        t = box_face(&l, axis, false, t);
        t = box_face(&l, axis, true, t);
    }
    return true;
}

WH_KERNEL(mesh_box, .doc = "A box around the origin", .make = mesh_box_make);
