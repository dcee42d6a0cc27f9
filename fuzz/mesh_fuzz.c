/* mesh_fuzz.c - the three mesh readers on any bytes, for libFuzzer. The first byte picks the reader, so that a corpus
 * can hold all formats. What is read must be a mesh: indices in range, triangles that agree with faces. */
#include "mesh.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_faces(const wh_mesh *m)
{
    require(!m->face_start == !m->face_index);
    if (!m->face_start) {
        require(m->face_count == m->triangle_count);
        return;
    }
    uint64_t triangles = 0;
    for (uint32_t f = 0; f < m->face_count; f++) {
        require(m->face_start[f + 1] >= m->face_start[f] + 3);
        triangles += m->face_start[f + 1] - m->face_start[f] - 2;
    }
    require(triangles == m->triangle_count);
}

static void check_mesh(const wh_mesh *m)
{
    volatile float sum = 0;
    for (size_t i = 0; i < (size_t)m->point_count * 3; i++)
        sum = sum + m->position[i];
    for (size_t i = 0; i < (size_t)m->triangle_count * 3; i++)
        require(m->triangle[i] < m->point_count);
    for (uint32_t k = 0; k < m->attribute_count; k++)
        for (uint32_t i = 0; i < m->point_count; i++)
            sum = sum + m->attribute[k].value[i];
    check_faces(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    wh_mesh *m = wh__mesh_new();
    if (!m)
        return 0;
    const char *bytes = (const char *)data + 1;
    wh_status status;
    if (data[0] == 'o')
        status = wh__obj_read(m, "fuzz.obj", bytes, size - 1);
    else if (data[0] == 'p')
        status = wh__ply_read(m, "fuzz.ply", bytes, size - 1);
    else
        status = wh__stl_read(m, "fuzz.stl", bytes, size - 1);
    if (status == WH_OK)
        check_mesh(m);
    else
        require(wh_last_error()[0] != 0);
    wh_mesh_free(m);
    return 0;
}
