"""Embree: one ray from each query; inside where the first triangle it meets is seen from behind. Closed meshes only."""
import mesh
import peer

try:
    import numpy as np
    from embreex import rtcore_scene
    from embreex.mesh_construction import TriangleMesh
except ImportError as why:
    peer.missing(why)

points, triangles = mesh.points, mesh.triangles.astype(np.int32)
corner = points[triangles]
normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
direction = np.array((0.3511, 0.7243, 0.5934), dtype=np.float32)
faces_away = np.append(normals @ direction > 0, False)  # the last is for rays that meet nothing: index -1
scene = None


def build():
    global scene
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, points, triangles)
    scene.run(np.zeros((1, 3), dtype=np.float32), direction[None])  # commits


def ask(q):
    hit = scene.run(q, np.broadcast_to(direction, q.shape).copy())
    return faces_away[hit]


build()
mesh.serve(build, ask)
