"""What the user sees, without a window: panels drawn into a list, words with a tooltip each, in any
language."""

import os
import sys
import tempfile
import time
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import Project, bpy, check, cube, equal, finish, skip, start  # noqa: E402

whorl = start()
from whorl import fill, handlers, library, live, operators, panel, translations  # noqa: E402

SHIFT = """#include "whorl_kernel.h"
WH_PARAMS(deform_shift, float by WH_UI(1, min = -10, max = 10, doc = "How far"); )
static void deform_shift_run(const wh_block *b)
{
    const deform_shift *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += %s;
}
WH_KERNEL(deform_shift, .doc = "Shift along x", .run = deform_shift_run);
"""
PIPELINE = """return pipeline "p" {
  deform.shift { by = expose(1, "By", { id = "by" }) },
  reload { canary = false, time_limit = 1 },
}
"""


class Layout:
    """Takes what panels draw: labels as they stand, and buttons only where they lead somewhere."""

    def __init__(self, said):
        self.said = said

    def row(self, **_):
        return Layout(self.said)

    column = box = split = row

    def label(self, text="", **_):
        self.said.append(text)

    def prop(self, owner, name, text=None, **_):
        owner.path_resolve(name) if name.startswith("[") else getattr(owner, name)
        self.said.append(text or "")

    def prop_search(self, owner, name, where, what, **_):
        self.prop(owner, name)
        getattr(where, what)

    def menu(self, name, **_):
        assert hasattr(bpy.types, name), name

    def operator(self, name, text=None, **_):
        kind = getattr(bpy.ops.whorl, name.partition(".")[2]).get_rna_type()
        self.said.append(text or kind.name)

        class Button:
            def __setattr__(self, name, value):
                assert name in kind.properties, name

        return Button()


def drawn(kind):
    """What a panel says on the active object, in one text."""
    ours = [base for base in reversed(kind.__mro__) if base.__module__.startswith("whorl.")]
    members = {name: value for base in ours for name, value in vars(base).items()}
    drawing = type("Drawing", (), {n: v for n, v in members.items() if n.startswith("draw")})()
    drawing.layout = Layout([])
    context = SimpleNamespace(
        object=bpy.context.object,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1)),
        region=SimpleNamespace(width=2000),
    )
    drawing.draw(context)
    return " ".join(drawing.layout.said)


def deform(project):
    path = project.save("p.lua", PIPELINE)
    project.save("shift.c", SHIFT % "p->by")
    cube()
    bpy.ops.whorl.deform(filepath=path)
    return bpy.context.object


def wait(condition):
    end = time.time() + 20
    while not condition():
        assert time.time() < end, "nothing came"
        handlers.poll()
        time.sleep(0.01)


@check("the sidebar offers what can be done, and says what runs")
def _():
    assert "Sample Object's Inside" in drawn(panel.WHORL_PT_main)
    deform(Project())
    assert "8 points" in drawn(panel.WHORL_PT_main), drawn(panel.WHORL_PT_main)
    equal(drawn(panel.WHORL_PT_params), "By")
    assert "deform.shift" in drawn(panel.WHORL_PT_kernels)
    assert "Gen. 1" in drawn(panel.WHORL_PT_kernels), drawn(panel.WHORL_PT_kernels)
    drawn(panel.WHORL_PT_log)
    drawn(panel.WHORL_MT_presets)


@check("a kernel that crashes, hangs or does not compile is said in the sidebar, and named again")
def _():
    for fault, word in (
        ("*(volatile float *)0", "SIGSEGV"),
        ("0; for (volatile int k = 0;; k++) b->x[0] += (float)k", "ran longer"),
        ("p->yb", "shift.c:7"),
    ):
        project = Project()
        made = deform(project)
        project.save("shift.c", SHIFT % fault)
        wait(lambda: word in drawn(panel.WHORL_PT_main))
        drawn(panel.WHORL_PT_log)
        project.save("shift.c", SHIFT % "p->by * 3")
        wait(lambda: word not in drawn(panel.WHORL_PT_main))
        equal(live.state_of(made).message, "")


@check("a missing library is said in the sidebar")
def _():
    whorl.unregister()
    before = os.environ["WHORL_ROOT"]
    os.environ["WHORL_ROOT"] = tempfile.mkdtemp()
    try:
        whorl.register()
        assert "install the add-on again" in drawn(panel.WHORL_PT_main)
        whorl.unregister()
    finally:
        os.environ["WHORL_ROOT"] = before
        whorl.register()


@check("millions of points are asked about, a few are made at once")
def _():
    source, asked = cube(), []
    context = SimpleNamespace(
        object=source,
        evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
        window_manager=SimpleNamespace(
            invoke_props_dialog=lambda operator, **_: asked.append(operator) or {"RUNNING_MODAL"}
        ),
    )
    for spacing, answer in ((0.1, {"FINISHED"}), (0.01, {"RUNNING_MODAL"})):
        operator = SimpleNamespace(
            settings=lambda spacing=spacing: fill.Settings(spacing=spacing),
            begin=lambda context: {"FINISHED"},
            limit=5_000_000,
        )
        equal(operators.WHORL_OT_fill.invoke(operator, context, None), answer)
    equal(asked, [operator])
    assert operator.limit > operator.expected > 7_000_000, operator


def words():
    """(what, context, name, tooltip) of everything that has words."""
    for cls in (*operators.CLASSES, *panel.CLASSES):
        rna = getattr(cls, "bl_rna", None)
        kind = getattr(bpy.ops.whorl, cls.__name__[9:], None) if "_OT_" in cls.__name__ else None
        rna = kind.get_rna_type() if kind else rna
        if not issubclass(cls, bpy.types.AddonPreferences):
            tooltip = rna.description if kind else getattr(cls, "bl_description", cls.__doc__)
            context = "Operator" if kind else rna.translation_context
            yield cls.__name__, context, cls.bl_label, tooltip
        for name in getattr(cls, "__annotations__", ()):
            prop = rna.properties[name]
            if not prop.is_hidden:
                what = f"{cls.__name__}.{name}"
                yield what, prop.translation_context, prop.name, prop.description


@check("everything has a name and a tooltip, as Blender writes them")
def _():
    found = list(words())
    assert len(found) > 30, found
    for what, _, name, tooltip in found:
        assert name and tooltip, what
        assert not tooltip.endswith(".") and tooltip[0].isupper(), f"{what}: {tooltip}"
    made = deform(Project())
    for key in ("by", "whorl_live", "whorl_file"):
        assert made.id_properties_ui(key).as_dict().get("description"), key


def translates():
    view, shown = bpy.context.preferences.view, bpy.app.translations.pgettext_iface
    view.language = "ja_JP"
    view.use_translate_interface = view.use_translate_tooltips = True
    found = {(context, text) for _, context, *texts in words() for text in texts}
    found = {(c, text) for c, text in found if shown(text, c) == text}  # not Blender's own words
    assert len(found) > 30, found
    whorl.unregister()
    translations.WORDS["ja_JP"] = {key: "~" + key[1] for key in found}
    whorl.register()
    try:
        for context, text in found:
            equal(shown(text, context), "~" + text)
    finally:
        view.language = "en_US"
        whorl.unregister()
        translations.WORDS.clear()
        whorl.register()


if "ja_JP" in bpy.app.translations.locales:
    check("a language that a translator adds is shown")(translates)
else:
    skip("another language", "this Blender was built without")

equal(handlers._told, set())
finish(whorl)
