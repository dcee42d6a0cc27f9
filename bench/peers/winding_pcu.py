"""point-cloud-utils' fast winding number for triangle soups, which builds its tree anew in every call.

winding.lua takes the time of a build off that of the queries.
"""
import mesh
import peer

try:
    import numpy as np
    import point_cloud_utils as pcu
except ImportError as why:
    peer.missing(why)

points, triangles = mesh.points, mesh.triangles.astype(np.int32)
nothing = np.zeros((1, 3), dtype=np.float32)


def ask(q):
    return pcu.triangle_soup_fast_winding_number(points, triangles, q)


def build():
    ask(nothing)


mesh.serve(build, ask)
