"""libigl's fast winding number for triangle soups: the tree is built once, then asked."""
import mesh
import peer

try:
    import igl
    import numpy as np
except ImportError as why:
    peer.missing(why)


def make(points, triangles):
    tree = igl.FastWindingNumberBVH()
    tree.init(points, triangles)
    return tree


mesh.serve(make, lambda tree, q: tree.winding_number(q), np.float64, np.int64)
