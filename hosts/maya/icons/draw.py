# SPDX-License-Identifier: MIT
"""Draws the icons again: python3 draw.py, in this folder. Each is a whorl, an arm that turns
outwards, with a sign of what the button does."""

import math
import struct
import zlib

SIZES = {"": 32, "_200": 64}  # what Maya takes on screens of twice the density
FINE = 4  # samples of a pixel along each side
ARM, DOTS, SIGN = (236, 236, 236), (110, 190, 255), (255, 176, 72)


def near_arm(x, y):
    """Whether a place, from -1 to 1, is on the arm: r grows with the angle, two turns in all."""
    radius, angle = math.hypot(x, y), math.atan2(y, x) % math.tau
    arms = (0.06 + 0.4 * (angle / math.tau + turn) for turn in range(2))
    return any(abs(radius - arm) < 0.035 + 0.07 * radius for arm in arms)


def near_dots(x, y):
    """Points of a lattice, in a disk."""
    u, v = (x / 0.36 + 0.5) % 1 - 0.5, (y / 0.36 + 0.5) % 1 - 0.5
    return math.hypot(u, v) < 0.22 and math.hypot(x, y) < 0.95


def near_arrow(x, y):
    """A ring that is open at the right, and its head."""
    radius, angle = math.hypot(x, y), math.atan2(y, x)
    head = -0.12 < y < 0.3 and abs(x - 0.64) < 0.34 * (0.3 - y) / 0.42
    return abs(radius - 0.64) < 0.1 and not -0.1 < angle < 0.9 or head


def near_bars(x, y):
    """Three lines of text."""
    return abs(x) < 0.8 and any(abs(y - row) < 0.11 for row in (-0.5, 0.0, 0.5))


ICONS = {
    "whorl_deform": ((near_arm, ARM),),
    "whorl_fill": ((near_dots, DOTS),),
    "whorl_reload": ((near_arrow, SIGN), (lambda x, y: near_arm(x * 2.2, y * 2.2), ARM)),
    "whorl_status": ((near_bars, ARM),),
    "out_whorlDeformer": ((near_arm, ARM),),
    "out_whorlSample": ((near_dots, DOTS),),
}


def pixel(layers, column, row, size):
    """Red, green, blue and alpha: the mean of FINE x FINE samples."""
    total, covered = [0, 0, 0], 0
    for sample in range(FINE * FINE):
        x = 2 * (column + (sample % FINE + 0.5) / FINE) / size - 1
        y = 2 * (row + (sample // FINE + 0.5) / FINE) / size - 1
        color = next((color for inside, color in layers if inside(x, y)), None)
        if color:
            covered += 1
            total = [total[i] + color[i] for i in range(3)]
    return [round(a / max(covered, 1)) for a in total] + [round(255 * covered / FINE**2)]


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def write(path, layers, size):
    rows = b"".join(
        b"\0" + bytes(sum((pixel(layers, column, row, size) for column in range(size)), []))
        for row in range(size)
    )
    head = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head))
        file.write(chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


for icon, what in ICONS.items():
    for suffix, side in SIZES.items():
        write(f"{icon}{suffix}.png", what, side if not icon.startswith("out_") else side * 5 // 8)
