"""The one zip, installed as a user does, in the folders of a user who has nothing else."""

import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import bpy, check, cube, equal, skip  # noqa: E402

ZIP = os.environ.get("WHORL_ZIP", "")
EXTENSIONS = bpy.app.version >= (4, 2, 0)
os.environ.pop("WHORL_ROOT", None)
sys.path[:] = [path for path in sys.path if not path.endswith(os.path.join("hosts", "blender"))]


def mapped():
    return "libwhorl" in Path("/proc/self/maps").read_text(encoding="utf-8")


def install():
    """Returns the name under which Blender knows it."""
    if EXTENSIONS:
        import addon_utils

        addon_utils.enable("bl_pkg")
        bpy.ops.extensions.package_install_files(
            filepath=ZIP, repo="user_default", enable_on_install=True
        )
        return "bl_ext.user_default.whorl"
    bpy.ops.preferences.addon_install(filepath=ZIP)
    bpy.ops.preferences.addon_enable(module="whorl")
    return "whorl"


def works_and_goes():
    name = install()
    import importlib

    addon = importlib.import_module(name)
    from_user = os.environ["BLENDER_USER_SCRIPTS"], os.environ["BLENDER_USER_EXTENSIONS"]
    assert addon.__file__.startswith(from_user), addon.__file__
    cube()
    bpy.ops.whorl.fill(spacing=0.4)
    equal(len(bpy.context.object.data.vertices), 125)
    assert mapped()
    helper = Path(addon.__file__).parent / "tree" / "lib" / "whorl" / "whorl-canary"
    assert os.access(helper, os.X_OK), "the helper program cannot run"
    licenses = Path(addon.__file__).parent / "licenses"
    for file, word in (
        ("THIRD-PARTY.txt", "Mike Pall"),
        ("LGPL-2.1.txt", "LESSER GENERAL PUBLIC LICENSE"),
        ("VERSIONS.txt", "tcc"),
    ):
        assert word in (licenses / file).read_text(encoding="utf-8"), file
    bpy.ops.preferences.addon_disable(module=name)
    assert not mapped()
    assert not hasattr(bpy.types, "WHORL_OT_fill")


if ZIP:
    check("the one zip installs, fills a cube, and leaves nothing mapped when it is disabled")(
        works_and_goes
    )
else:
    skip("the one zip", "./dev blender-zip could not make it")
