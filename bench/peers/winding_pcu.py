"""point-cloud-utils' fast winding number for triangle soups, which builds its tree anew in every call.

winding.lua takes the time of a build off that of the queries.
"""
import mesh
import peer

try:
    import point_cloud_utils as pcu
except ImportError as why:
    peer.missing(why)

mesh.serve(lambda *mesh: mesh, lambda of, q: pcu.triangle_soup_fast_winding_number(*of, q))
