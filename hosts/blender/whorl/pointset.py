# SPDX-License-Identifier: MIT
"""Points as an object of their own: a mesh of vertices with ids, winding numbers and carried
attributes, shown as points or as instances of a chosen object by a small Geometry Nodes group."""

from __future__ import annotations

import bpy
import numpy as np

from . import transfer

POINTS_GROUP, INSTANCES_GROUP, MODIFIER = "Whorl Points", "Whorl Instances", "Whorl"
ID, LOW, HIGH, WINDING = "id", "whorl_id_low", "whorl_id_high", "winding"


def write(mesh, points, kinds: dict) -> None:
    """Fills an object's mesh with the points; kinds: Blender's type of each carried attribute."""
    if len(mesh.vertices) != len(points.position) or len(mesh.edges):
        mesh.clear_geometry()
        mesh.vertices.add(len(points.position))
    transfer.write_positions(mesh, points.position)
    transfer.write_attribute(mesh, WINDING, points.winding, "FLOAT")
    _write_ids(mesh, points.id)
    for name, (values, kind) in joined(points.attributes, kinds).items():
        transfer.write_attribute(mesh, name, values, kind)
    mesh.update()


def _write_ids(mesh, ids: np.ndarray) -> None:
    """Blender's whole numbers have 32 bits: whorl's 64 in two halves, and mixed in `id`, which its
    nodes go by."""
    halves = np.ascontiguousarray(ids).view(np.int32).reshape(-1, 2)
    transfer.write_attribute(mesh, LOW, halves[:, 0], "INT")
    transfer.write_attribute(mesh, HIGH, halves[:, 1], "INT")
    mixed = (ids ^ (ids >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    transfer.write_attribute(mesh, ID, mixed.view(np.int32).reshape(-1, 2)[:, 0], "INT")


def read_ids(mesh) -> np.ndarray:
    """The 64 bits again."""
    halves = np.empty((len(mesh.vertices), 2), np.int32)
    for column, name in enumerate((LOW, HIGH)):
        values = np.empty(len(mesh.vertices), np.int32)
        mesh.attributes[name].data.foreach_get("value", values)
        halves[:, column] = values
    return halves.view(np.uint64)[:, 0]


def split(name: str, values: np.ndarray) -> dict:
    """An attribute of several components as several of one, which is what whorl carries."""
    if values.shape[1] == 1:
        return {name: values[:, 0]}
    return {f"{name}.{k}": values[:, k] for k in range(values.shape[1])}


def joined(attributes: dict, kinds: dict) -> dict:
    """The way back."""
    found = {}
    for name, kind in kinds.items():
        width = transfer.WIDTH[kind]
        parts = [attributes.get(name if width == 1 else f"{name}.{k}") for k in range(width)]
        if all(part is not None for part in parts):
            found[name] = (np.stack(parts, axis=1), kind)
    if "surface_distance" in attributes:
        found["surface_distance"] = (attributes["surface_distance"][:, None], "FLOAT")
    return found


# ---- how they are shown ----


def show(obj, radius: float, instance=None) -> None:
    """Gives the point object its modifier, or sets the one that it has."""
    group = _group(INSTANCES_GROUP if instance else POINTS_GROUP)
    modifier = obj.modifiers.get(MODIFIER) or obj.modifiers.new(MODIFIER, "NODES")
    if modifier.node_group != group:
        modifier.node_group = group
    for name, value in (("Radius", radius), ("Instance", instance)):
        set_input(modifier, name, value)
    obj.update_tag()


def set_input(modifier, name: str, value) -> None:
    """Gives an input of a modifier's node group a value that is not there yet."""
    key = _identifier(modifier.node_group, name) if modifier.node_group else None
    if key is None:
        return
    if hasattr(modifier, "properties"):  # 5.2 and later
        socket = getattr(modifier.properties.inputs, key)
        if socket.value != value:
            socket.value = value
    elif modifier.get(key) != value:
        modifier[key] = value


def _identifier(group, name: str) -> str | None:
    for item in (group.interface.items_tree if hasattr(group, "interface") else group.inputs):
        if item.name == name and getattr(item, "in_out", "INPUT") == "INPUT":
            return item.identifier
    return None


def add_socket(group, name: str, kind: str, is_input=True):
    """A socket of a node group, in the words of this Blender."""
    if hasattr(group, "interface"):
        return group.interface.new_socket(
            name, in_out="INPUT" if is_input else "OUTPUT", socket_type=kind
        )
    return (group.inputs if is_input else group.outputs).new(kind, name)


def _group(name: str):
    group = bpy.data.node_groups.get(name)
    if group is not None and group.library is None:
        return group
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    add_socket(group, "Geometry", "NodeSocketGeometry")
    add_socket(group, "Geometry", "NodeSocketGeometry", is_input=False)
    (_build_instances if name == INSTANCES_GROUP else _build_points)(group)
    return group


def _node(group, kind: str, x: int):
    node = group.nodes.new(kind)
    node.location = (x, 0)
    return node


def _build_points(group) -> None:
    radius = add_socket(group, "Radius", "NodeSocketFloat")
    radius.default_value, radius.min_value = 0.01, 0
    source, points = _node(group, "NodeGroupInput", 0), _node(
        group, "GeometryNodeMeshToPoints", 200
    )
    out = _node(group, "NodeGroupOutput", 400)
    group.links.new(source.outputs["Geometry"], points.inputs["Mesh"])
    group.links.new(source.outputs["Radius"], points.inputs["Radius"])
    group.links.new(points.outputs[0], out.inputs[0])


def _build_instances(group) -> None:
    add_socket(group, "Instance", "NodeSocketObject")
    scale = add_socket(group, "Scale", "NodeSocketFloat")
    scale.default_value = 1
    source, info = _node(group, "NodeGroupInput", 0), _node(group, "GeometryNodeObjectInfo", 200)
    on, out = _node(group, "GeometryNodeInstanceOnPoints", 400), _node(
        group, "NodeGroupOutput", 600
    )
    info.inputs["As Instance"].default_value = True
    group.links.new(source.outputs["Geometry"], on.inputs["Points"])
    group.links.new(source.outputs["Instance"], info.inputs["Object"])
    group.links.new(info.outputs["Geometry"], on.inputs["Instance"])
    group.links.new(source.outputs["Scale"], on.inputs["Scale"])
    group.links.new(on.outputs[0], out.inputs[0])
