"""Embree 4: one ray from each query; inside where the first triangle it meets is seen from behind. Closed meshes only.

The library takes rays one by one, but from an array.
"""
import mesh
import peer

try:
    import numpy as np
    from embreex import rtcore_scene
    from embreex.mesh_construction import TriangleMesh
except ImportError as why:
    peer.missing(why)

direction = np.array((0.3511, 0.7243, 0.5934), dtype=np.float32)


def make(points, triangles):
    corner = points[triangles]
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    faces_away = np.append(normals @ direction > 0, False)  # the last is for rays that meet nothing: index -1
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, points, triangles)
    return scene, faces_away


def ask(of, q):
    scene, faces_away = of
    return faces_away[scene.run(q, np.broadcast_to(direction, q.shape).copy())]


mesh.serve(make, ask)
