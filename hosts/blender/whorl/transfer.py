# SPDX-License-Identifier: MIT
"""Points and triangles out of Blender's meshes and into them, by arrays.

The type of an array must be exactly the one that Blender keeps, else every number is converted
on its own: positions float32, corners as int32 of the attribute where it is, triangles uint32
(int32 takes four times as long).
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

WIDTH = {
    "FLOAT": 1,
    "INT": 1,
    "INT8": 1,
    "BOOLEAN": 1,
    "FLOAT2": 2,
    "FLOAT_VECTOR": 3,
    "FLOAT_COLOR": 4,
    "BYTE_COLOR": 4,
}
PROPERTY = {
    "FLOAT2": "vector",
    "FLOAT_VECTOR": "vector",
    "FLOAT_COLOR": "color",
    "BYTE_COLOR": "color",
}
KIND = {"FLOAT": np.float32, "INT": np.int32, "INT8": np.int32, "BOOLEAN": bool}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@contextmanager
def evaluated_mesh(source, depsgraph):
    """The mesh of an object as it is seen, modifiers and all; for as long as the `with` lasts."""
    seen = source.evaluated_get(depsgraph)
    if source.type == "MESH" and source.mode != "EDIT":
        yield seen.data
        return
    # Curves and texts become meshes, and a mesh in edit mode comes out of the editor.
    mesh = seen.to_mesh()
    try:
        yield mesh
    finally:
        seen.to_mesh_clear()


# ---- positions ----


def _position_data(mesh):
    attribute = mesh.attributes.get("position")
    return (attribute.data, "vector") if attribute else (mesh.vertices, "co")


def read_positions(mesh) -> np.ndarray:
    """xyz of each vertex, (n, 3) float32, packed."""
    out = np.empty((len(mesh.vertices), 3), np.float32)
    data, name = _position_data(mesh)
    data.foreach_get(name, out.reshape(-1))
    return out


def write_positions(mesh, position: np.ndarray) -> None:
    """The other way; Blender 3.4 shows nothing without the update."""
    data, name = _position_data(mesh)
    data.foreach_set(name, np.ascontiguousarray(position, np.float32).reshape(-1))
    mesh.update()


# ---- corners and triangles ----


def read_corners(mesh) -> np.ndarray:
    """The vertex of each corner."""
    attribute = mesh.attributes.get(".corner_vert")
    out = np.empty(len(mesh.loops), np.int32 if attribute else np.uint32)
    if attribute:
        attribute.data.foreach_get("value", out)
    else:
        mesh.loops.foreach_get("vertex_index", out)
    return out.view(np.uint32)


def read_triangles(mesh, corners: np.ndarray | None = None) -> np.ndarray:
    """Three vertices of each triangle, (n, 3) uint32; polygons are split."""
    mesh.calc_loop_triangles()
    loops = np.empty(len(mesh.loop_triangles) * 3, np.uint32)
    mesh.loop_triangles.foreach_get("loops", loops)
    corners = read_corners(mesh) if corners is None else corners
    return corners[loops].reshape(-1, 3) if len(loops) else np.empty((0, 3), np.uint32)


def read_faces(mesh) -> np.ndarray:
    """The number of corners of each face."""
    out = np.empty(len(mesh.polygons), np.uint32)
    mesh.polygons.foreach_get("loop_total", out)
    return out


# ---- attributes ----


def attribute_names(mesh, groups) -> list[str]:
    """Vertex groups and attributes that are one number or a colour for each point."""
    names = [group.name for group in groups]
    for attribute in mesh.attributes:
        usable = (
            attribute.domain == "POINT"
            or "COLOR" in attribute.data_type
            and attribute.domain == "CORNER"
        )
        if usable and attribute.data_type in WIDTH and not is_inner(attribute.name):
            names.append(attribute.name)
    return list(dict.fromkeys(names))


def is_inner(name: str) -> bool:
    """What every mesh has, or what Blender keeps there for itself."""
    return name.startswith(".") or name in ("position", "material_index", "sharp_face")


def read_attribute(mesh, groups, name: str) -> tuple[np.ndarray, str] | None:
    """(points, width) float32 of a vertex group or an attribute, and Blender's type; None: the mesh
    has none."""
    group = groups.get(name)
    if group is not None:
        return _read_weights(mesh, group.index)[:, None], "FLOAT"
    attribute = mesh.attributes.get(name)
    if attribute is None or attribute.data_type not in WIDTH:
        return None
    values = _read_values(attribute)
    if attribute.domain == "CORNER":
        values = _mean_at_points(values, read_corners(mesh), len(mesh.vertices))
    elif attribute.domain != "POINT":
        return None
    return values, attribute.data_type


def one_number(values: np.ndarray) -> np.ndarray:
    """A colour as its luminance, a vector as its length."""
    width = values.shape[1]
    if width == 1:
        return np.ascontiguousarray(values[:, 0])
    if width == 4:
        return values[:, :3] @ LUMINANCE
    return np.sqrt(np.einsum("ij,ij->i", values, values))


def _read_weights(mesh, index: int) -> np.ndarray:
    """Blender offers weights one vertex at a time only."""
    out = np.zeros(len(mesh.vertices), np.float32)
    for vertex in mesh.vertices:
        for entry in vertex.groups:
            if entry.group == index:
                out[vertex.index] = entry.weight
                break
    return out


def _read_values(attribute) -> np.ndarray:
    width, count = WIDTH[attribute.data_type], len(attribute.data)
    out = np.empty(count * width, KIND.get(attribute.data_type, np.float32))
    attribute.data.foreach_get(PROPERTY.get(attribute.data_type, "value"), out)
    return out.astype(np.float32).reshape(count, width)


def _mean_at_points(values: np.ndarray, corners: np.ndarray, count: int) -> np.ndarray:
    uses = np.maximum(np.bincount(corners, minlength=count), 1)
    sums = [
        np.bincount(corners, weights=values[:, k], minlength=count) for k in range(values.shape[1])
    ]
    return (np.stack(sums, axis=1) / uses[:, None]).astype(np.float32)


def write_attribute(mesh, name: str, values: np.ndarray, kind: str) -> None:
    """Makes a point attribute of that type."""
    attribute = mesh.attributes.get(name)
    if attribute is not None and (attribute.data_type != kind or attribute.domain != "POINT"):
        mesh.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        attribute = mesh.attributes.new(name, kind, "POINT")
    dtype = KIND.get(kind, np.float32)
    if dtype is not np.float32 and values.dtype.kind == "f":
        values = np.rint(values)
    attribute.data.foreach_set(
        PROPERTY.get(kind, "value"), np.ascontiguousarray(values, dtype).reshape(-1)
    )


# ---- frames ----


def split_frame(matrix_world):
    """(rigid, rest): matrix_world is rigid @ rest, and rigid neither scales nor shears, so metres
    stay metres.

    A lattice in the rigid frame moves with its object, and has the same points wherever that
    stands."""
    from mathutils import Matrix

    place, turn, _ = matrix_world.decompose()
    rigid = Matrix.Translation(place) @ turn.to_matrix().to_4x4()
    return rigid, rigid.inverted() @ matrix_world


def is_mirrored(matrix) -> bool:
    return matrix.determinant() < 0


def to_frame(position: np.ndarray, rest) -> np.ndarray:
    """position moved by a 4 x 4 matrix; the same array where there is nothing to do."""
    matrix = np.array(rest, np.float64)
    if np.allclose(matrix, np.eye(4), rtol=0, atol=1e-7):
        return position
    return (position.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
