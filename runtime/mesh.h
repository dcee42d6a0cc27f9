/* mesh.h - the mesh that the library owns, and its readers and writers. */
#ifndef WH_MESH_H
#define WH_MESH_H
#include "os.h"
#include "whorl.h"

struct wh_mesh {
    uint32_t point_count, triangle_count, face_count, attribute_count;
    float *position;      /* xyz for each point */
    uint32_t *triangle;   /* faces split as fans, in order */
    uint32_t *face_start; /* face_count + 1 offsets into face_index; NULL when every face is a triangle */
    uint32_t *face_index;
    wh_attribute *attribute; /* names and values owned */
    uint32_t lost;           /* points that were not finite when it was read */
    char *note;              /* "" or a warning; owned */
    uint64_t topology;       /* unique in the process, never 0 */
};

wh_mesh *wh__mesh_new(void); /* empty, with a topology of its own; NULL when memory is short */
/* Room for points and triangles, uninitialised. WH_ERR_MEMORY on failure. */
wh_status wh__mesh_reserve(wh_mesh *m, uint32_t points, uint32_t triangles);
/* Takes over the polygons (malloc'ed): makes the triangles, or is the triangles when every face has three corners. */
wh_status wh__mesh_set_faces(wh_mesh *m, uint32_t *start, uint32_t *index, uint32_t count);
/* Adds a point attribute of point_count values, taking over value (malloc'ed); copies name. */
wh_status wh__mesh_add_attribute(wh_mesh *m, const char *name, float *value);

/* One reader a format: bytes are the whole file; m is empty; fails with wh__fail(WH_ERR_IO, "path:line: …"). */
wh_status wh__obj_read(wh_mesh *m, const char *path, const char *bytes, size_t size);
wh_status wh__ply_read(wh_mesh *m, const char *path, const char *bytes, size_t size);
wh_status wh__stl_read(wh_mesh *m, const char *path, const char *bytes, size_t size);
wh_status wh__assimp_read(wh_mesh *m, const char *path); /* built without assimp: says so */

wh_status wh__cannot_write(const char *path); /* the failure to write a file that errno explains */
#endif
