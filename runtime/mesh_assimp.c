/* mesh_assimp.c - every other format, read by assimp where the library was built with it.
 *
 * assimp drops points in no face and splits points at seams of normals and texture coordinates, so that its order is
 * not the file's: the corners are joined again where they lie at the same place to the bit, and a note says so. */
#include "error.h"
#include "mesh_parse.h"

#ifdef WHORL_HAVE_ASSIMP
#include <assimp/cimport.h>
#include <assimp/config.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>
#include <string.h>

typedef struct {
    const char *path;
    wh_weld weld;
    wh_faces faces;
    size_t left_out; /* faces that are points or lines */
} reader;

static wh_status add_face(reader *r, const struct aiMesh *mesh, const struct aiFace *face)
{
    if (face->mNumIndices < 3) {
        r->left_out++;
        return WH_OK;
    }
    for (unsigned k = 0; k < face->mNumIndices; k++) {
        uint32_t i = face->mIndices[k], point;
        if (i >= mesh->mNumVertices)
            return wh__fail(WH_ERR_IO, "%s: a face uses point %u but its mesh has %u", r->path, i, mesh->mNumVertices);
        float p[3] = {(float)mesh->mVertices[i].x, (float)mesh->mVertices[i].y, (float)mesh->mVertices[i].z};
        if (!wh__weld_point(&r->weld, p, &point) || !wh__faces_corner(&r->faces, point))
            return wh__out_of_memory(r->path);
    }
    return wh__faces_end(&r->faces) ? WH_OK : wh__out_of_memory(r->path);
}

static wh_status add_scene(reader *r, const struct aiScene *scene)
{
    wh_status status = WH_OK;
    for (unsigned k = 0; k < scene->mNumMeshes; k++) {
        const struct aiMesh *mesh = scene->mMeshes[k];
        for (unsigned f = 0; f < mesh->mNumFaces && status == WH_OK; f++)
            status = add_face(r, mesh, &mesh->mFaces[f]);
    }
    return status;
}

static wh_status finish(reader *r, wh_mesh *m)
{
    wh__mesh_warn(m, "read by assimp: points at the same place were joined and their order may have changed");
    if (r->left_out)
        wh__mesh_warn(m, "%zu points and lines were left out", r->left_out);
    wh__weld_finish(&r->weld, m);
    return wh__faces_finish(&r->faces, m);
}

wh_status wh__assimp_read(wh_mesh *m, const char *path)
{
    reader r = {.path = path};
    /* Brings all meshes of the scene into one space; normals and the like would only be carried along. */
    struct aiPropertyStore *settings = aiCreatePropertyStore();
    aiSetImportPropertyInteger(settings, AI_CONFIG_PP_RVC_FLAGS,
                               aiComponent_NORMALS | aiComponent_TANGENTS_AND_BITANGENTS | aiComponent_COLORS |
                                   aiComponent_TEXCOORDS | aiComponent_TEXTURES | aiComponent_LIGHTS |
                                   aiComponent_CAMERAS);
    const struct aiScene *scene =
        aiImportFileExWithProperties(path, aiProcess_RemoveComponent | aiProcess_PreTransformVertices, NULL, settings);
    aiReleasePropertyStore(settings);
    if (!scene) {
        const char *why = aiGetErrorString();
        return wh__fail(WH_ERR_IO, "%s: cannot be read: %.*s", path, (int)strcspn(why, "\r\n"), why);
    }
    wh_status status = add_scene(&r, scene);
    aiReleaseImport(scene);
    if (status == WH_OK)
        status = finish(&r, m);
    wh__weld_free(&r.weld);
    wh__faces_free(&r.faces);
    return status;
}
#else
wh_status wh__assimp_read(wh_mesh *m, const char *path)
{
    (void)m;
    return wh__fail(WH_ERR_IO,
                    "%s: this build reads .obj, .ply and .stl only (save it as one of them, or build with "
                    "assimp)",
                    path);
}
#endif
