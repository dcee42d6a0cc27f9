"""The header as ctypes, the library loaded and gone, arrays in and out of meshes."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import (
    bpy,
    check,
    cube,
    equal,
    finish,
    mesh_object,
    near,
    np,
    raises,
    start,
)  # noqa: E402

whorl = start()
from whorl import header, library, transfer  # noqa: E402

TEXT = Path(os.environ["WHORL_SOURCE"], "runtime", "whorl.h").read_text(encoding="utf-8")


def mapped():
    return "libwhorl" in Path("/proc/self/maps").read_text(encoding="utf-8")


@check("structs have the sizes and offsets that the compiler gives them")
def _():
    declared = header.parse(TEXT)
    structs = {
        n: t
        for n, t in declared.types.items()
        if isinstance(t, type) and issubclass(t, ctypes.Structure)
    }
    assert len(structs) >= 9, sorted(structs)
    lines = ["#include <stdio.h>", "#include <whorl.h>", "int main(void) {"]
    wanted = []
    for name, kind in sorted(structs.items()):
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        wanted.append(ctypes.sizeof(kind))
        for field, *_ in kind._fields_:
            lines.append(f'printf("%zu\\n", offsetof({name}, {field}));')
            wanted.append(getattr(kind, field).offset)
    folder = Path(tempfile.mkdtemp())
    (folder / "a.c").write_text("\n".join(lines) + "return 0; }\n")
    subprocess.run(
        ["cc", "-I", str(Path(os.environ["WHORL_SOURCE"], "runtime")), "a.c", "-o", "a"],
        cwd=folder,
        check=True,
    )
    said = subprocess.run([str(folder / "a")], capture_output=True, text=True, check=True).stdout
    shutil.rmtree(folder)
    equal([int(line) for line in said.split()], wanted)


@check("every function of the header is bound, with its arguments")
def _():
    declared = header.parse(TEXT)
    names = re.findall(r"^WH_API .*?(wh_\w+)\(", TEXT, re.M)
    equal(sorted(declared.functions), sorted(names))
    result, arguments = declared.functions["wh_deform"]
    equal((result, len(arguments)), (ctypes.c_int, 4))
    for name in names:
        assert getattr(library.get(), name).argtypes is not None


@check("a text that is not the header is refused")
def _():
    equal(raises(header.HeaderError, header.parse, "int main(void);"), "this is not whorl.h")


@check("the library is unmapped at unregister, and comes back")
def _():
    whorl.fill.session()
    assert mapped()
    whorl.unregister()
    assert not mapped()
    whorl.register()
    whorl.fill.session()
    assert mapped()


@check("a missing library is one line with what to do")
def _():
    whorl.unregister()
    before = os.environ["WHORL_ROOT"]
    os.environ["WHORL_ROOT"] = tempfile.mkdtemp()
    try:
        said = raises(library.WhorlError, library.get)
        assert said.endswith("whorl.h: No such file or directory (install the add-on again)"), said
        include = Path(os.environ["WHORL_ROOT"], "include")
        include.mkdir()
        (include / "whorl.h").write_text(TEXT)
        said = raises(library.WhorlError, library.get)
        assert said.endswith("libwhorl.so: no such file (install the add-on for this system)"), said
        whorl.register()
        cube()
        said = raises(RuntimeError, bpy.ops.whorl.fill, spacing=0.5)
        assert "install the add-on for this system" in said, said
    finally:
        os.environ["WHORL_ROOT"] = before


@check("a library of another version is refused")
def _():
    whorl.unregister()
    before = os.environ["WHORL_ROOT"]
    root = Path(tempfile.mkdtemp())
    (root / "include").mkdir()
    (root / "include" / "whorl.h").write_text(
        re.sub(r"(#define WH_VERSION) \d+", r"\1 90900", TEXT)
    )
    (root / "lib").symlink_to(Path(before, "lib"))
    os.environ["WHORL_ROOT"] = str(root)
    try:
        said = raises(library.WhorlError, library.get)
        assert "and the add-on is for 9.9.0 (install the add-on again)" in said, said
        assert not mapped()
    finally:
        os.environ["WHORL_ROOT"] = before
        whorl.register()


@check("positions and triangles come out as Blender has them")
def _():
    obj = mesh_object(
        "Mixed",
        [(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (1, 1, 3)],
        [(3, 2, 1, 0), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)],
    )
    near(transfer.read_positions(obj.data), [v.co for v in obj.data.vertices], 0)
    obj.data.calc_loop_triangles()
    equal(
        transfer.read_triangles(obj.data).tolist(),
        [list(t.vertices) for t in obj.data.loop_triangles],
    )
    equal(transfer.read_corners(obj.data).tolist(), [loop.vertex_index for loop in obj.data.loops])


@check("positions go in, and the evaluated mesh has them")
def _():
    obj = cube()
    wanted = transfer.read_positions(obj.data) * 2
    transfer.write_positions(obj.data, wanted)
    seen = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    near(transfer.read_positions(seen.data), wanted, 0)
    near(max(corner[0] for corner in seen.bound_box), 2)


@check("weights, colours and attributes are read as numbers for each point")
def _():
    obj = cube()
    group = obj.vertex_groups.new(name="Root")
    group.add([1, 4], 0.25, "REPLACE")
    near(
        transfer.read_attribute(obj.data, obj.vertex_groups, "Root")[0][:, 0],
        [0, 0.25, 0, 0, 0.25, 0, 0, 0],
    )
    heat = obj.data.attributes.new("heat", "FLOAT", "POINT")
    heat.data.foreach_set("value", np.arange(8, dtype=np.float32))
    near(transfer.read_attribute(obj.data, obj.vertex_groups, "heat")[0][:, 0], range(8))
    color = obj.data.color_attributes.new("Tint", "FLOAT_COLOR", "CORNER")
    color.data.foreach_set("color", np.tile(np.float32([0.5, 0.5, 0.5, 1]), 24))
    values, kind = transfer.read_attribute(obj.data, obj.vertex_groups, "Tint")
    equal((values.shape, kind), ((8, 4), "FLOAT_COLOR"))
    near(transfer.one_number(values), np.full(8, 0.5), 1e-4)
    assert transfer.read_attribute(obj.data, obj.vertex_groups, "none") is None
    names = transfer.attribute_names(obj.data, obj.vertex_groups.values())
    equal(names, ["Root", "heat", "Tint"])


@check("a frame without scale keeps metres, mirrored or not")
def _():
    from mathutils import Euler, Matrix

    for scale in ((2, 3, 4), (-1, 1, 1), (0.5, 0.5, 0.5)):
        world = Matrix.LocRotScale((1, 2, 3), Euler((0.3, 0.5, 0.7)), scale)
        rigid, rest = transfer.split_frame(world)
        near(np.array(rigid @ rest), np.array(world), 1e-5)
        near(np.array(rigid.to_3x3() @ rigid.to_3x3().transposed()), np.eye(3), 1e-5)
        assert rigid.determinant() > 0
        equal(transfer.is_mirrored(rest), scale[0] < 0)


finish(whorl)
