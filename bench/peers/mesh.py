"""The mesh and the queries that winding.lua wrote, and what the peers of it answer."""
import peer

try:
    import numpy as np
except ImportError as why:
    peer.missing(why)

points = np.fromfile("points", dtype=np.float32).reshape(-1, 3)
triangles = np.fromfile("triangles", dtype=np.uint32).reshape(-1, 3)


def queries(name):
    return np.fromfile(name, dtype=np.float32).reshape(-1, 3)


def serve(build, ask, convert=lambda q: q):
    """build(): makes what is asked. ask(queries): winding numbers, or 1 and 0. convert: to the type the peer takes."""
    sets = {name: convert(queries(name)) for name in ("random", "near", "lattice")}

    def only_ask(name):
        def run():
            ask(sets[name])
        return run

    def lattice():
        build()
        ask(sets["lattice"])

    def write():
        np.concatenate([ask(sets[name]) for name in ("random", "near")]).astype(np.float32).tofile("winding")

    peer.serve({"build": build, "random": only_ask("random"), "near": only_ask("near"), "lattice": lattice,
                "write": write})
