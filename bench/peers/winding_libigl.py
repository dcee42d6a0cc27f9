"""libigl's fast winding number for triangle soups: the tree is built once, then asked."""
import mesh
import peer

try:
    import igl
    import numpy as np
except ImportError as why:
    peer.missing(why)

points, triangles = mesh.points.astype(np.float64), mesh.triangles.astype(np.int64)
tree = igl.FastWindingNumberBVH()


def build():
    global tree
    tree = igl.FastWindingNumberBVH()
    tree.init(points, triangles)


build()
mesh.serve(build, lambda q: tree.winding_number(q), lambda q: q.astype(np.float64))
