"""The mesh and the queries that winding.lua wrote, and what the peers of it answer."""
import ctypes
import time

import peer

try:
    import numpy as np
except ImportError as why:
    peer.missing(why)


def rows(name, kind):
    return np.fromfile(name, dtype=kind).reshape(-1, 3)


def resident():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def used_by(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def serve(make, ask, real=np.float32, index=np.int32):
    """make(points, triangles): what is asked. ask(it, queries): winding numbers, or 1 and 0.

    real, index: the types that the peer takes. Calls of few queries are made on a mesh of one triangle too, and their
    time, which is that of the way from Python into the library, is taken off.
    """
    sets = {name: rows(name, np.float32).astype(real) for name in ("random", "near", "lattice", "checked")}
    mesh = rows("points", np.float32).astype(real), rows("triangles", np.uint32).astype(index)
    state = {}

    def build():
        state["it"] = None
        state["it"] = make(*mesh)
        ask(state["it"], sets["random"][:1])

    def only_ask(name):
        def run():
            ask(state["it"], sets[name])
        return run

    def lattice():
        build()
        ask(state["it"], sets["lattice"])

    def batch(size, calls):
        parts = [sets["random"][size * i:size * (i + 1)] for i in range(calls)]

        def on(it):
            return used_by(lambda: [ask(it, part) for part in parts])
        whole = on(state["it"])
        return {"cpu": max(whole - on(one), 0.05 * whole)}

    def checked():
        np.asarray(ask(state["it"], sets["checked"])).astype(np.float32).tofile("winding")

    one = make(mesh[0][mesh[1][0]], np.array([[0, 1, 2]], dtype=index))
    ask(one, sets["random"][:1])
    before = resident()
    build()
    kept = resident() - before
    peer.serve({"build": build, "random": only_ask("random"), "near": only_ask("near"), "lattice": lattice,
                "batch": batch, "checked": checked, "kept": lambda: {"kept": kept}})
