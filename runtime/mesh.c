/* mesh.c - the mesh that the library owns, and which reader a file needs. */
#include "mesh.h"
#include "error.h"
#include "mesh_parse.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Far from the small numbers that a caller is likely to give to views of its own. */
static uint64_t new_topology(void)
{
    static atomic_uint_fast64_t count;
    return ((uint64_t)1 << 63) + atomic_fetch_add(&count, 1u);
}

wh_mesh *wh__mesh_new(void)
{
    wh_mesh *m = calloc(1, sizeof *m);
    if (m)
        m->topology = new_topology();
    return m;
}

void wh_mesh_free(wh_mesh *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->attribute_count; i++) {
        free((void *)m->attribute[i].name);
        free((void *)m->attribute[i].value);
    }
    free(m->attribute);
    free(m->position);
    free(m->triangle);
    free(m->face_start);
    free(m->face_index);
    free(m->note);
    free(m);
}

static void drop_faces(wh_mesh *m)
{
    free(m->triangle);
    free(m->face_start);
    free(m->face_index);
    m->triangle = m->face_start = m->face_index = NULL;
    m->triangle_count = m->face_count = 0;
    m->topology = new_topology();
}

wh_status wh__mesh_reserve(wh_mesh *m, uint32_t points, uint32_t triangles)
{
    float *position = points ? malloc((size_t)points * 3 * sizeof *position) : NULL;
    uint32_t *triangle = triangles ? malloc((size_t)triangles * 3 * sizeof *triangle) : NULL;
    if ((points && !position) || (triangles && !triangle)) {
        free(position);
        free(triangle);
        return wh__fail(WH_ERR_MEMORY, "memory is short for a mesh of %u points and %u triangles", points, triangles);
    }
    drop_faces(m);
    free(m->position);
    m->position = position;
    m->point_count = points;
    m->triangle = triangle;
    m->triangle_count = m->face_count = triangles;
    return WH_OK;
}

static void fan(uint32_t *triangle, const uint32_t *start, const uint32_t *index, uint32_t count)
{
    for (uint32_t f = 0; f < count; f++) {
        for (uint32_t c = start[f] + 2; c < start[f + 1]; c++) {
            *triangle++ = index[start[f]];
            *triangle++ = index[c - 1];
            *triangle++ = index[c];
        }
    }
}

static bool all_triangles(const uint32_t *start, uint32_t count)
{
    for (uint32_t f = 0; start && f < count; f++) {
        if (start[f + 1] - start[f] != 3)
            return false;
    }
    return true;
}

wh_status wh__mesh_set_faces(wh_mesh *m, uint32_t *start, uint32_t *index, uint32_t count)
{
    drop_faces(m);
    if (all_triangles(start, count)) {
        free(start);
        if (count == 0) {
            free(index);
            return WH_OK;
        }
        m->triangle = index;
        m->triangle_count = m->face_count = count;
        return WH_OK;
    }
    uint64_t triangles = start[count] - (uint64_t)2 * count;
    uint32_t *triangle = malloc(triangles * 3 * sizeof *triangle);
    if (!triangle) {
        free(start);
        free(index);
        return wh__fail(WH_ERR_MEMORY, "memory is short for a mesh of %llu triangles", (unsigned long long)triangles);
    }
    fan(triangle, start, index, count);
    m->triangle = triangle;
    m->triangle_count = (uint32_t)triangles;
    m->face_start = start;
    m->face_index = index;
    m->face_count = count;
    return WH_OK;
}

wh_status wh__mesh_add_attribute(wh_mesh *m, const char *name, float *value)
{
    char *copy = strdup(name);
    wh_attribute *more = realloc(m->attribute, (m->attribute_count + (size_t)1) * sizeof *more);
    if (more)
        m->attribute = more;
    if (!copy || !more) {
        free(copy);
        free(value);
        return wh__fail(WH_ERR_MEMORY, "memory is short for the attribute %s", name);
    }
    m->attribute[m->attribute_count++] = (wh_attribute){.name = copy, .value = value};
    return WH_OK;
}

wh_status wh_mesh_view(const wh_mesh *m, wh_view *view)
{
    if (!m || !view)
        return wh__fail(WH_ERR_ARGUMENT, "wh_mesh_view: %s is NULL", m ? "view" : "the mesh");
    if (view->size != sizeof *view)
        return wh__fail(WH_ERR_ARGUMENT, "wh_mesh_view: view.size is %u (set it to sizeof(wh_view), %zu)", view->size,
                        sizeof *view);
    *view = (wh_view){.size = sizeof *view,
                      .point_count = m->point_count,
                      .triangle_count = m->triangle_count,
                      .attribute_count = m->attribute_count,
                      .position = m->position,
                      .triangle = m->triangle,
                      .attribute = m->attribute,
                      .topology = m->topology};
    return WH_OK;
}

const char *wh_mesh_note(const wh_mesh *m)
{
    return m && m->note ? m->note : "";
}

void wh_mesh_set_positions(wh_mesh *m, const float *position)
{
    if (m && position && m->point_count)
        memcpy(m->position, position, (size_t)m->point_count * 3 * sizeof *position);
}

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), e = strlen(ending);
    return n >= e && strcasecmp(path + n - e, ending) == 0;
}

static bool is_ply(const char *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "ply", 3) == 0 && (bytes[3] == '\n' || bytes[3] == '\r');
}

/* 84 bytes and 50 for each triangle, or text that begins as only STL does. */
static bool is_stl(const char *bytes, size_t size)
{
    if (size >= 84) {
        const unsigned char *n = (const unsigned char *)bytes + 80;
        uint32_t count = n[0] | (uint32_t)n[1] << 8 | (uint32_t)n[2] << 16 | (uint32_t)n[3] << 24;
        if (size == 84 + (uint64_t)50 * count)
            return true;
    }
    return size >= 6 && strncasecmp(bytes, "solid", 5) == 0 && (bytes[5] == ' ' || bytes[5] == '\n');
}

static wh_status read_bytes(wh_mesh *m, const char *path, const wh_map *file)
{
    const char *bytes = file->bytes;
    if (file->size == 0)
        return wh__fail(WH_ERR_IO, "%s:1: the file is empty", path);
    if (is_ply(bytes, file->size))
        return wh__ply_read(m, path, bytes, file->size);
    if (ends_with(path, ".obj"))
        return wh__obj_read(m, path, bytes, file->size);
    if (is_stl(bytes, file->size) || ends_with(path, ".stl"))
        return wh__stl_read(m, path, bytes, file->size);
    if (ends_with(path, ".ply"))
        return wh__ply_read(m, path, bytes, file->size);
    return wh__assimp_read(m, path);
}

/* Points in no face are kept; they are often a mistake in the file. */
static void note_loose(wh_mesh *m)
{
    bool *used = m->triangle_count ? calloc(m->point_count, sizeof *used) : NULL;
    if (!used)
        return;
    uint32_t loose = m->point_count;
    for (size_t i = 0; i < (size_t)m->triangle_count * 3; i++) {
        loose -= !used[m->triangle[i]];
        used[m->triangle[i]] = true;
    }
    free(used);
    if (loose)
        wh__mesh_warn(m, "%u of %u points are in no face", loose, m->point_count);
}

static bool is_finite(const float p[3])
{
    return isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}

/* Simulations leave points that are not finite behind. They are kept, for the order of the points counts, and whoever
 * asks where things are leaves their triangles out; but where no point is good, the file is something else. */
static wh_status check_finite(wh_mesh *m, const char *path)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < m->point_count; i++) {
        if (!is_finite(m->position + (size_t)3 * i) && m->lost++ == 0)
            first = i;
    }
    if (m->lost == m->point_count)
        return wh__fail(WH_ERR_IO, "%s: none of its %u points is finite (is it damaged?)", path, m->lost);
    if (m->lost)
        wh__mesh_warn(m,
                      "%u of %u points are not finite, the first is point %u, counted from 0 (samplers and fields "
                      "leave their triangles out)",
                      m->lost, m->point_count, first);
    return WH_OK;
}

static wh_status check(wh_mesh *m, const char *path)
{
    if (m->point_count == 0)
        return wh__fail(WH_ERR_IO, "%s:1: there are no points in it", path);
    note_loose(m);
    return check_finite(m, path);
}

wh_status wh_mesh_read(const char *path, wh_mesh **out)
{
    wh_map file;
    if (!path || !out)
        return wh__fail(WH_ERR_ARGUMENT, "wh_mesh_read: %s is NULL", path ? "out" : "path");
    if (!wh__map_open(path, &file))
        return wh__fail(errno == ENOMEM ? WH_ERR_MEMORY : WH_ERR_IO, "%s: cannot be read: %s", path,
                        errno == ENOTSUP ? "not a regular file" : strerror(errno));
    wh_mesh *m = wh__mesh_new();
    wh_status status = m ? read_bytes(m, path, &file) : wh__out_of_memory(path);
    wh__map_close(&file);
    if (status == WH_OK)
        status = check(m, path);
    if (status != WH_OK)
        wh_mesh_free(m);
    else
        *out = m;
    return status;
}

void wh_points_free(wh_points *p)
{
    if (!p)
        return;
    free(p->position);
    free(p->id);
    free(p->value);
    free(p->triangle);
    free(p->place);
    for (uint32_t i = 0; i < p->attribute_count; i++) {
        free((void *)(uintptr_t)p->attribute[i].name);
        free((void *)(uintptr_t)p->attribute[i].value);
    }
    free(p->attribute);
    *p = (wh_points){.size = p->size};
}
