/* short.c - what the winding engine does when memory is short, on meshes made to be hard.
 * For each mesh it builds the engine, asks few points, many and a lattice, and frees all; then again with every single
 * allocation failing in turn. Each time it must say that it failed or give the very same answers, and all memory must
 * be back. Prints a line for each mesh; the exit status is 0 when nothing is wrong. Compiled together with
 * kernels/winding. */
#include "engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS 600 /* more than are taken one by one */
#define SIDE 9     /* points of the lattice along each axis */

/* ---- a host whose n-th allocation fails */

static uint64_t asked, fails_at, held;

static void *get(const wh_host *h, size_t bytes)
{
    (void)h;
    if (++asked == fails_at)
        return NULL;
    held++;
    return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

static void put_back(const wh_host *h, void *p)
{
    (void)h;
    held -= p != NULL;
    free(p);
}

static bool one_by_one(const wh_host *h, uint32_t count, void (*work)(void *, uint32_t), void *context)
{
    (void)h;
    for (uint32_t i = 0; i < count; i++)
        work(context, i);
    return true;
}

static void hush(const wh_host *h, const char *text)
{
    (void)h;
    (void)text;
}

static const wh_host host = {.size = sizeof host,
                             .alloc = get,
                             .free = put_back,
                             .parallel_for = one_by_one,
                             .fail = hush,
                             .warn = hush,
                             .note = hush};

/* ---- meshes */

typedef struct {
    float *position;
    uint32_t *triangle, points, triangles;
} mesh;

static mesh room_for(uint32_t points, uint32_t triangles)
{
    mesh m = {calloc(3 * (size_t)points + 1, 4), calloc(3 * (size_t)triangles + 1, 4), points, triangles};
    if (!m.position || !m.triangle)
        exit(2);
    return m;
}

static void set_point(mesh *m, uint32_t i, double x, double y, double z)
{
    m->position[3 * (size_t)i] = (float)x;
    m->position[3 * (size_t)i + 1] = (float)y;
    m->position[3 * (size_t)i + 2] = (float)z;
}

static void set_triangle(mesh *m, uint32_t i, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t t[3] = {a, b, c};
    memcpy(m->triangle + 3 * (size_t)i, t, sizeof t);
}

#define TURN 6.283185307179586

static mesh torus(uint32_t n)
{
    mesh m = room_for(n * n, 2 * n * n);
    for (uint32_t i = 0; i < n * n; i++) {
        const double u = TURN * (i / n) / n, v = TURN * (i % n) / n, r = 1 + 0.4 * cos(v);
        const uint32_t right = (i / n + 1) % n * n + i % n, up = i / n * n + (i + 1) % n,
                       both = (i / n + 1) % n * n + (i + 1) % n;
        set_point(&m, i, r * cos(u), r * sin(u), 0.4 * sin(v));
        set_triangle(&m, 2 * i, i, right, both);
        set_triangle(&m, 2 * i + 1, i, both, up);
    }
    return m;
}

static mesh closed(void)
{
    return torus(24);
}

static mesh torn(void) /* each 20th triangle is gone */
{
    mesh m = torus(24);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m.triangles; i++)
        if (i % 20)
            memmove(m.triangle + 3 * (size_t)kept++, m.triangle + 3 * (size_t)i, 12);
    m.triangles = kept;
    return m;
}

static mesh apart(double shift) /* each triangle has corners of its own */
{
    mesh from = torus(24), m = room_for(3 * from.triangles, from.triangles);
    for (uint32_t i = 0; i < m.points; i++) {
        const float *p = from.position + 3 * (size_t)from.triangle[i];
        set_point(&m, i, p[0] + shift * (i % 7), p[1] + shift * (i % 5), p[2]);
        m.triangle[i] = i;
    }
    free(from.position), free(from.triangle);
    return m;
}

static mesh unwelded(void)
{
    return apart(0);
}

static mesh soup(void)
{
    return apart(0.003);
}

static mesh broken(void) /* closed by its indices, but for points that are not finite, and corners that coincide */
{
    mesh m = torus(24);
    set_point(&m, 5, NAN, 0, 0);
    set_point(&m, 90, 0, INFINITY, 0);
    memcpy(m.position + 3 * 200, m.position + 3 * 201, 12);
    return m;
}

static mesh all_alike(void)
{
    mesh m = room_for(3, 3000);
    set_point(&m, 1, 1, 0, 0);
    set_point(&m, 2, 0, 1, 1);
    for (uint32_t i = 0; i < m.triangles; i++)
        set_triangle(&m, i, 0, 1, 2);
    return m;
}

static mesh all_at_once(void) /* every point at one place */
{
    mesh m = torus(24);
    memset(m.position, 0, 12 * (size_t)m.points);
    return m;
}

static mesh fan(void) /* all triangles share a point */
{
    const uint32_t n = 100000;
    mesh m = room_for(n + 1, n);
    for (uint32_t i = 0; i < n; i++) {
        set_point(&m, i + 1, cos(TURN * i / n), sin(TURN * i / n), 0.1 * (i % 3));
        set_triangle(&m, i, 0, i + 1, (i + 1) % n + 1);
    }
    return m;
}

static mesh bow(void) /* a closed one of which all triangles share two points: as many at each edge as there are */
{
    const uint32_t n = 4000;
    mesh m = room_for(n + 2, n);
    set_point(&m, 1, 0, 0, 1);
    for (uint32_t i = 0; i < n; i++) {
        set_point(&m, i + 2, cos(TURN * i / n), sin(TURN * i / n), 0.5);
        set_triangle(&m, i, i & 1, 1 - (i & 1), i + 2);
    }
    return m;
}

static mesh sized(float size)
{
    mesh m = torus(24);
    for (uint32_t i = 0; i < 3 * m.points; i++)
        m.position[i] *= size;
    return m;
}

static mesh huge(void)
{
    return sized(2e38f);
}

static mesh tiny(void)
{
    return sized(1e-40f);
}

static mesh empty(void)
{
    return room_for(0, 0);
}

/* ---- answers */

typedef struct {
    float value[POINTS], side[POINTS], few[8], error[POINTS];
    uint8_t inside[POINTS];
    int16_t row[SIDE * SIDE * SIDE];
} answers;

static bool ask_rows(const wh_engine *e, answers *out)
{
    float at[SIDE];
    uint64_t open;
    for (int i = 0; i < SIDE; i++)
        at[i] = -1.5f + 3.0f * (float)i / (SIDE - 1);
    const wh_slab slab = {at, at, at, SIDE, SIDE, SIDE, SIDE, SIDE * SIDE};
    return !e->surface || wh__lattice_rows(&host, e->surface, &slab, out->row, &open);
}

static bool ask(const wh_geometry *g, wh_engine *e, answers *out)
{
    static float at[3][POINTS];
    for (uint32_t i = 0; i < POINTS; i++)
        for (uint32_t k = 0; k < 3; k++)
            at[k][i] = (float)(wh_hash(3 * i + k) >> 8) * (3.0f / 16777216) - 1.5f;
    at[0][7] = NAN;
    return wh__engine_add_layers(&host, e) && wh__engine_add_rays(e, &host) && ask_rows(e, out) &&
           wh__engine_many(e, NULL, 8, at[0], at[1], at[2], 1e-3f, out->few, out->error) &&
           wh__engine_many(e, &host, POINTS, at[0], at[1], at[2], 1e-3f, out->value, out->error) &&
           wh__engine_inside(e, &host, g, 0.5f, WH_VALUES, POINTS, at[0], at[1], at[2], NULL, out->side, out->inside);
}

static bool build_and_ask(const mesh *m, answers *out)
{
    const wh_geometry g = {sizeof g, m->points, m->triangles, m->position, m->triangle};
    memset(out, 0, sizeof *out);
    wh_engine *e = wh__engine_build(&host, &g);
    const bool ok = e && ask(&g, e, out);
    wh__engine_free(&host, e);
    return ok;
}

/* Every allocation of a small mesh; of one where a turn takes long some thirty, the first ones among them. */
static uint64_t next_turn(uint64_t turn, uint64_t all, bool large)
{
    return !large || turn < 12 ? turn + 1 : turn + 1 + all / 20;
}

static int try_mesh(const char *name, mesh (*make)(void))
{
    static answers first, again;
    mesh m = make();
    uint64_t wrong = 0, lost = 0;
    fails_at = asked = 0;
    const bool ok = build_and_ask(&m, &first);
    const uint64_t all = asked;
    lost += held != 0;
    for (uint64_t turn = 1; turn <= all; turn = next_turn(turn, all, m.triangles > 10000)) {
        held = asked = 0;
        fails_at = turn;
        wrong += build_and_ask(&m, &again) && memcmp(&first, &again, sizeof first) != 0;
        lost += held != 0;
    }
    printf("%s: %s, %llu wrong, %llu leaks\n", name, ok ? "done" : "failed", (unsigned long long)wrong,
           (unsigned long long)lost);
    fflush(stdout);
    held = 0;
    free(m.position), free(m.triangle);
    return !ok || wrong || lost;
}

int main(void)
{
    static const struct {
        const char *name;
        mesh (*make)(void);
    } all[] = {{"closed", closed},
               {"torn", torn},
               {"unwelded", unwelded},
               {"soup", soup},
               {"broken", broken},
               {"all triangles alike", all_alike},
               {"one place", all_at_once},
               {"fan", fan},
               {"two points shared", bow},
               {"huge", huge},
               {"tiny", tiny},
               {"empty", empty}};
    int bad = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        bad |= try_mesh(all[i].name, all[i].make);
    return bad;
}
