"""The twist of deform.lua in numpy, float32, written to save passes and memory."""
import peer

try:
    import numpy as np
except ImportError as why:
    peer.missing(why)

points = np.fromfile("points", dtype=np.float32).reshape(-1, 3)
result = np.empty_like(points)
angle = np.float32(np.radians(90.0))


def twist():
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    turn = angle * np.clip(y, np.float32(0), np.float32(1))
    s, c = np.sin(turn), np.cos(turn)
    result[:, 0] = c * x + s * z
    result[:, 1] = y
    result[:, 2] = c * z - s * x


peer.serve({"twist": twist, "write": lambda: result.tofile("numpy")})
