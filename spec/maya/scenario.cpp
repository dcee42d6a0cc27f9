/* scenario.cpp - the plug-in of hosts/maya, loaded into the stand-in and used as a scene uses it.
 * Usage: scenario PLUGIN FOLDER [RELOADS]. FOLDER is empty and becomes the project; RELOADS (2000) are those under the
 * threads. Prints "ok WHAT" or "not ok WHAT: why" for each thing that is looked at. */
#include "stage.h"
#include "whorl.h"
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <maya/MColorArray.h>
#include <maya/MDoubleArray.h>
#include <maya/MFnArrayAttrsData.h>
#include <maya/MFnAttribute.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnEnumAttribute.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnUnitAttribute.h>
#include <maya/MUserEventMessage.h>
#include <sstream>
#include <thread>
#include <unistd.h>

using namespace standin;

static std::string folder, own_fill; /* the pipeline that is installed with the plug-in, if it is */
static int wrong;

static void check(bool good, const std::string &what, const std::string &why = "")
{
    printf("%s %s%s%s\n", good ? "ok" : "not ok", what.c_str(), good ? "" : ": ", good ? "" : why.c_str());
    fflush(stdout);
    wrong += !good;
}

static std::string text(const std::vector<std::string> &lines)
{
    std::string all;
    for (const std::string &line : lines)
        all += "[" + line + "] ";
    return all;
}

/* ---- the project ---- */

static std::string path(const std::string &name)
{
    return folder + "/" + name;
}

/* As editors save: beside, and renamed. */
static void save(const std::string &name, const std::string &content)
{
    std::ofstream(path(name + ".new"), std::ios::binary) << content;
    rename(path(name + ".new").c_str(), path(name).c_str());
}

/* deform.shift: x += amount * scale + number, and what else the scenario wants of it. */
static std::string kernel(double number, const std::string &more_params = "", const std::string &run = "")
{
    std::ostringstream out;
    out << "#include \"whorl_kernel.h\"\n"
           "WH_PARAMS(deform_shift,\n"
           "    float amount WH_UI(1, min = -100, max = 100, unit = \"m\", doc = \"How far\");\n"
           "    float angle WH_UI(0, min = -360, max = 360, unit = \"deg\", doc = \"Adds to y\");\n"
        << more_params
        << ")\n"
           "static void deform_shift_run(const wh_block *b)\n{\n"
           "    const deform_shift *p = b->params;\n"
           "    for (uint32_t i = 0; i < b->count; i++) {\n"
           "        b->x[i] += p->amount + (float)"
        << number << ";\n        b->y[i] += p->angle;\n"
        << run
        << "    }\n}\n"
           "WH_KERNEL(deform_shift, .doc = \"Shift\", .run = deform_shift_run);\n";
    return out.str();
}

static std::string pipeline(const std::string &arguments, const std::string &more = "")
{
    return "return pipeline \"p\" {\n  deform.shift { " + arguments + " },\n" + more +
           "  reload { canary = false, publish = \"at-once\" },\n}\n";
}

static const char *const plain = "amount = expose(1, \"Amount\"), angle = expose(0, \"Angle\")";

static Mesh square(float x)
{
    return {{x, 0, 0, x + 1, 0, 0, x + 1, 0, 1, x, 0, 1}, {4}, {0, 3, 2, 1}};
}

static Mesh cube()
{
    Mesh m;
    for (int i = 0; i < 8; i++)
        for (const int bit : {1, 2, 4})
            m.points.push_back(i & bit ? 1.0f : 0.0f);
    m.counts.assign(6, 4);
    m.vertices = {0, 2, 3, 1, 4, 5, 7, 6, 0, 1, 5, 4, 2, 6, 7, 3, 0, 4, 6, 2, 1, 3, 7, 5};
    return m;
}

static std::string xs(const Mesh &m)
{
    std::ostringstream out;
    for (size_t i = 0; i < m.points.size(); i += 3)
        out << (i ? " " : "") << m.points[i];
    return out.str();
}

static std::string run(const std::string &command)
{
    std::string result;
    return execute(command, result) ? result : "failed: " + text(take_said());
}

/* Lets the timer do its work until the expected is there. */
template <class Expected> static bool wait_for(const Expected &expected)
{
    for (int i = 0; i < 60000; i++) {
        fire_timers(0.25);
        if (expected())
            return true;
        usleep(500);
    }
    return false;
}

static void look(const MObject &node, unsigned geometry, const std::string &expected, const std::string &what)
{
    const std::string got = xs(evaluate(node, geometry));
    check(got == expected, what, "x is " + got + ", not " + expected);
}

static void look_soon(const MObject &node, const std::string &expected, const std::string &what)
{
    std::string got;
    const bool good = wait_for([&] { return (got = xs(evaluate(node, 0))) == expected; });
    check(good, what, "x is " + got + ", not " + expected + " " + text(take_said()));
}

/* ---- parts ---- */

static MObject left, right, deformer;

static void deforms()
{
    left = create_mesh("left", square(0));
    right = create_mesh("right", square(10));
    create_node("time", "time1");
    deformer = apply_deformer("whorlDeformer", {left, right}, "curl");
    look(deformer, 0, "0 1 1 0", "a deformer without a pipeline passes points through");
    check(take_said().empty(), "and says nothing");
    plug(deformer, "pipeline").setString(path("missing.lua").c_str());
    look(deformer, 0, "0 1 1 0", "a pipeline that is missing passes points through");
    look(deformer, 1, "10 11 11 10", "on every geometry");
    const auto said = take_said();
    check(said.size() == 1 && said[0].find("warning: ") == 0 && said[0].find("missing.lua") != std::string::npos,
          "with one warning", text(said));
    plug(deformer, "pipeline").setString(path("p.lua").c_str());
    look(deformer, 0, "1 2 2 1", "a pipeline moves the points of the first geometry");
    look(deformer, 1, "11 12 12 11", "and of the second");
    check(plug(deformer, "time").isDestination(), "the scene's time is connected");
    set_mesh(left, square(5));
    look(deformer, 0, "6 7 7 6", "a mesh that moves is deformed anew");
    set_mesh(left, square(0));
}

static void weights()
{
    set_weight(deformer, 1, 0, 0);
    set_weight(deformer, 1, 2, 0.5f);
    look(deformer, 1, "10 12 11.5 11", "painted weights scale what the pipeline does");
    look(deformer, 0, "1 2 2 1", "each geometry has its own");
    plug(deformer, "envelope").setDouble(0.5);
    look(deformer, 1, "10 11.5 11.25 10.5", "so does the envelope");
    plug(deformer, "envelope").setDouble(0);
    look(deformer, 1, "10 11 11 10", "an envelope of 0 leaves the points alone");
    plug(deformer, "envelope").setDouble(1);
    set_members(deformer, 1, {2, 3});
    look(deformer, 1, "10 11 11.5 11", "points that are no members stay, and weights go by point");
    set_members(deformer, 1, {});
}

static void parameters()
{
    const MPlug amount = plug(deformer, "shift_amount"), angle = plug(deformer, "shift_angle");
    check(!amount.isNull() && !angle.isNull(), "parameters are attributes of the node");
    if (amount.isNull() || angle.isNull())
        return;
    const MFnUnitAttribute length(amount.attribute()), turn(angle.attribute());
    double low = 0, high = 0;
    turn.getMin(low);
    turn.getMax(high);
    check(length.unitType() == MFnUnitAttribute::kDistance && turn.unitType() == MFnUnitAttribute::kAngle,
          "lengths are distances, angles are angles");
    check(std::abs(low + 2 * M_PI) < 1e-9 && std::abs(high - 2 * M_PI) < 1e-9, "with the ranges of the kernel");
    check(length.isKeyable() && std::string(length.niceNameOverride().asChar()) == "Amount",
          "keyable, and by the name that the file gives them");
    MPlug(amount).setDouble(3);
    look(deformer, 0, "3 4 4 3", "an attribute that is set moves the points");
    MPlug(angle).setDouble(M_PI / 3);
    const Mesh m = evaluate(deformer, 0);
    check(m.points[1] == 60, "an angle comes in degrees, to the bit", std::to_string(m.points[1]));
    MPlug(angle).setDouble(0);
    MPlug(amount).setDouble(1000);
    look(deformer, 0, "100 101 101 100", "a value outside the range is held to it");
    MPlug(amount).setDouble(1);
    look(deformer, 0, "1 2 2 1", "and back");
}

static void reloads()
{
    const unsigned before = events("whorlReloaded");
    save("shift.c", kernel(10));
    look_soon(deformer, "11 12 12 11", "a saved kernel shows by the timer");
    check(events("whorlReloaded") > before, "and the user event is posted");
    take_said();
    save("shift.c", "this is no C\n");
    check(wait_for([&] { return run("whorlStatus -q -message curl").find("shift.c:1") != std::string::npos; }),
          "a kernel that does not compile is told with its line", run("whorlStatus -q -message curl"));
    set_mesh(left, square(2));
    look(deformer, 0, "13 14 14 13", "and the last good one runs on");
    set_mesh(left, square(0));
    const auto said = take_said();
    check(said.size() == 1 && said[0].find("warning: ") == 0, "with one warning", text(said));
    save("shift.c", kernel(20, "", "        if (b->count) *(volatile int *)0 = 1;\n"));
    check(wait_for([&] {
              evaluate(deformer, 0);
              return run("whorlStatus curl").find("SIGSEGV") != std::string::npos ||
                     text(take_said()).find("SIGSEGV") != std::string::npos;
          }),
          "a kernel that crashes is told", run("whorlStatus curl"));
    look(deformer, 0, "11 12 12 11", "and costs no evaluation");
    save("shift.c", kernel(0));
    look_soon(deformer, "1 2 2 1", "a mended kernel shows");
    check(run("whorlStatus -q -message curl").empty(), "and nothing is wrong any more");
    check(failures() == 0, "no evaluation failed");
}

static void cooks_that_fail()
{
    const MPlug clock = plug(find_node("time1"), "outTime");
    save("p.lua", pipeline("amount = function(t) return t < 5 and 3 or {} end"));
    look_soon(deformer, "3 4 4 3", "a function of time");
    take_said();
    MPlug(clock).setDouble(10);
    set_mesh(left, square(0));
    look(deformer, 0, "0 1 1 0", "one that fails lets the points through");
    set_mesh(left, square(0));
    look(deformer, 0, "0 1 1 0", "as often as it is asked");
    const auto said = take_said();
    check(said.size() == 1 && said[0].find("warning: whorl: curl: ") == 0, "with one warning", text(said));
    MPlug(clock).setDouble(0);
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all is well again");
    check(failures() == 0, "no evaluation failed");
}

static void surface()
{
    const MObject curve = key(plug(deformer, "shift_amount"), 2);
    look(deformer, 0, "2 3 3 2", "a parameter is keyed");
    save("shift.c", kernel(0,
                           "    float more WH_UI(0.5, min = 0, max = 9, doc = \"More\");\n"
                           "    int way WH_UI(0, choices = \"in|out\", doc = \"Way\");\n",
                           "        b->x[i] += p->way ? p->more : 0;\n"));
    save("p.lua", pipeline(std::string(plain) + ", more = expose(0.5, \"More\"), way = expose(\"in\", \"Way\")"));
    check(wait_for([&] { return !plug(deformer, "shift_more").isNull() && !plug(deformer, "shift_way").isNull(); }),
          "a parameter that is new is an attribute at once", text(take_said()));
    look(deformer, 0, "2 3 3 2", "keys survive it");
    check(plug(deformer, "shift_amount").isDestination(), "and so does the connection");
    plug(deformer, "shift_way").setInt(1);
    look(deformer, 0, "2.5 3.5 3.5 2.5", "a choice is an enumeration");
    plug(deformer, "shift_way").setInt(0);
    key(plug(deformer, "shift_more"), 0.5); /* where it was anyway */
    save("p.lua", pipeline("angle = expose(0, \"Angle\")"));
    save("shift.c", kernel(0));
    check(wait_for([&] { return plug(deformer, "shift_way").isNull(); }), "one that is gone goes");
    check(plug(deformer, "shift_amount").isDestination() && plug(deformer, "shift_more").isDestination(),
          "but not one that is keyed");
    look(deformer, 0, "1 2 2 1", "which has no effect then");
    save("p.lua", pipeline(plain));
    look_soon(deformer, "2 3 3 2", "it comes back with its keys");
    save("p.lua", pipeline("amount = expose(5, \"Amount\"), angle = expose(0, \"Angle\")"));
    disconnect(plug(deformer, "shift_amount"));
    plug(deformer, "shift_amount").setDouble(1);
    look_soon(deformer, "5 6 6 5", "a value that nobody has set follows the file");
    save("p.lua", pipeline("amount = expose(1, \"Amount\"), angle = expose(0, \"Angle\")"));
    look_soon(deformer, "1 2 2 1", "and back");
}

/* What becomes of attributes when a kernel is written otherwise. */
static void rewritten_kernels()
{
    const std::string with_far = "    float far WH_UI(0, min = -9, max = 9, doc = \"Far\");\n";
    const std::string was_far = "    float near WH_UI(0, min = -9, max = 9, was = \"far\", doc = \"Near\");\n";
    const std::string whole = "    int near WH_UI(0, min = 0, max = 7, doc = \"Near\");\n";
    const std::string choice = "    int near WH_UI(0, choices = \"a|b\", doc = \"Near\");\n";
    const auto exposing = [](const char *more) { return pipeline(std::string(plain) + ", " + more); };
    const auto add = [](const char *what) { return std::string("        b->x[i] += (float)") + what + ";\n"; };
    save("shift.c", kernel(0, with_far, add("p->far")));
    save("p.lua", exposing("far = expose(0, \"Far\")"));
    wait_for([&] { return !plug(deformer, "shift_far").isNull(); });
    const MObject curve = key(plug(deformer, "shift_far"), 4);
    look(deformer, 0, "5 6 6 5", "a parameter is keyed");
    save("shift.c", kernel(0, was_far, add("p->near")));
    save("p.lua", exposing("near = expose(0, \"Near\")"));
    check(wait_for([&] { return !plug(deformer, "shift_near").isNull(); }) && plug(deformer, "shift_far").isNull(),
          "one that is renamed is an attribute that is renamed", text(take_said()));
    look(deformer, 0, "5 6 6 5", "and keeps its keys");
    disconnect(plug(deformer, "shift_near"));
    plug(deformer, "shift_near").setDouble(3);
    save("shift.c", kernel(0, whole, add("p->near")));
    save("p.lua", exposing("near = expose(2, \"Near\")"));
    check(wait_for([&] {
              const MPlug p = plug(deformer, "shift_near");
              return MFnNumericAttribute(p.attribute()).unitType() == MFnNumericData::kInt;
          }),
          "one of another type is another attribute", text(take_said()));
    look(deformer, 0, "4 5 5 4", "and keeps its number");
    plug(deformer, "shift_near").setInt(2);
    look(deformer, 0, "3 4 4 3", "a whole number that is the file's");
    save("p.lua", exposing("near = expose(6, \"Near\")"));
    look_soon(deformer, "7 8 8 7", "follows the file");
    key(plug(deformer, "shift_near"), 5);
    save("shift.c", kernel(0, choice, add("p->near")));
    save("p.lua", exposing("near = expose(\"a\", \"Near\")"));
    wait_for([&] { return run("whorlStatus -q -message curl").empty(); });
    look_soon(deformer, "1 2 2 1", "a key on what has become a choice has no effect");
    check(plug(deformer, "shift_near").isDestination(), "and is not lost");
    save("shift.c", kernel(0, whole, add("p->near")));
    save("p.lua", exposing("near = expose(6, \"Near\")"));
    look_soon(deformer, "6 7 7 6", "it is back with the type that it is for");
    disconnect(plug(deformer, "shift_near"));
    plug(deformer, "shift_near").setInt(6);
    save("shift.c", kernel(0));
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
}

static void names()
{
    save("shift.c", kernel(0,
                           "    float to[3] WH_UI({ 0, 0, 0 }, min = -9, max = 9, unit = \"m\", doc = \"To\");\n"
                           "    bool on WH_UI(false, doc = \"On\");\n",
                           "        b->x[i] += p->on ? p->to[0] + p->to[2] : 0;\n"));
    save("p.lua", pipeline(std::string(plain) + ", to = expose({ 0, 0, 0 }, \"To\", { id = \"time\" }), "
                                                "on = expose(true, \"On\", { id = \"3.on\" })"));
    check(wait_for([&] { return !plug(deformer, "timeX").isNull() && !plug(deformer, "_3_on").isNull(); }),
          "names are made legal, and of a vector each component is an attribute", text(take_said()));
    plug(deformer, "timeX").setDouble(2);
    plug(deformer, "timeZ").setDouble(0.5);
    look(deformer, 0, "3.5 4.5 4.5 3.5", "all of which count");
    plug(deformer, "_3_on").setBool(false);
    look(deformer, 0, "1 2 2 1", "a switch is a switch");
    save("p.lua", pipeline(std::string(plain) + ", on = expose(true, \"On\", { id = \"envelope\" })"));
    check(wait_for([&] { return !plug(deformer, "envelope_").isNull(); }), "a name that Maya has gets a mark",
          text(take_said()));
    check(!plug(deformer, "timeX").isNull() && plug(deformer, "timeY").isNull(), "what was set stays, the rest goes");
    plug(deformer, "timeX").setDouble(0);
    plug(deformer, "timeZ").setDouble(0);
    plug(deformer, "_3_on").setBool(true);
    save("shift.c", kernel(0));
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
    check(plug(deformer, "timeX").isNull() && plug(deformer, "_3_on").isNull(), "nothing is left");
}

static void shared_points(Sharing sharing, const std::string &how)
{
    set_sharing(sharing);
    save("p.lua", pipeline(plain, "  deform.push { distance = 0.5 },\n"));
    set_mesh(left, cube());
    set_mesh(right, cube());
    wait_for([&] { return evaluate(deformer, 0).points[1] < 0; });
    const Mesh all = evaluate(deformer, 0);
    check(std::abs(all.points[0] - (1 - 0.5f / std::sqrt(3.0f))) < 1e-6, how + ": a whole mesh is pushed", xs(all));
    set_members(deformer, 0, {1, 6});
    set_weight(deformer, 0, 6, 0.5f);
    const Mesh part = evaluate(deformer, 0), before = cube();
    bool right_place = true;
    for (size_t i = 0; i < part.points.size(); i++) {
        const float share = i / 3 == 1 ? 1 : i / 3 == 6 ? 0.5f : 0;
        const float wanted = before.points[i] + share * (all.points[i] - before.points[i]);
        right_place = right_place && std::abs(part.points[i] - wanted) < 1e-6;
    }
    check(right_place, how + ": a part of it as a part of the whole", xs(part));
    const MFnMesh came(plug(left, "outMesh").asMObject());
    check(std::equal(before.points.begin(), before.points.end(), came.getRawPoints(nullptr)),
          how + ": what came in stays as it is");
    set_members(deformer, 0, {});
    set_weight(deformer, 0, 6, 1);
    set_mesh(left, square(0));
    set_mesh(right, square(10));
    set_sharing(kNever);
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
}

/* What a scene file does: attributes, the pipeline, and only then their values and connections. */
static void scenes_that_are_read()
{
    const auto add = [](const MObject &node, MFnAttribute &attribute, const char *category) {
        attribute.addToCategory(category);
        MFnDependencyNode(node).addAttribute(attribute.object());
    };
    save("shift.c", kernel(0,
                           "    float near WH_UI(0, min = -9, max = 9, was = \"far\", doc = \"Near\");\n"
                           "    float other WH_UI(0, min = -9, max = 9, doc = \"Other\");\n",
                           "        b->x[i] += p->near + p->other;\n"));
    save("p.lua", pipeline(std::string(plain) + ", near = expose(0, \"Near\"), other = expose(0, \"Other\")"));
    wait_for([&] { return !plug(deformer, "shift_near").isNull(); });
    const MObject node = apply_deformer("whorlDeformer", {left}, "read");
    MFnNumericAttribute far, other;
    far.create("shift_far", "shift_far", MFnNumericData::kDouble);
    other.create("shift_other", "shift_other", MFnNumericData::kInt); /* it was whole when the scene was saved */
    add(node, far, "whorlParameter");
    add(node, other, "whorlParameter");
    plug(node, "pipeline").setString(path("p.lua").c_str());
    check(!plug(node, "shift_far").isNull() && !plug(node, "shift_other").isNull(),
          "attributes that a scene was saved with are there while it is read");
    if (plug(node, "shift_far").isNull() || plug(node, "shift_other").isNull())
        return;
    key(plug(node, "shift_far"), 4);
    plug(node, "shift_other").setInt(2);
    look(node, 0, "7 8 8 7", "and count at once");
    fire_timers(0.25);
    check(plug(node, "shift_far").isNull() && plug(node, "shift_near").isDestination(),
          "then they have their new names");
    check(MFnNumericAttribute(plug(node, "shift_other").attribute()).unitType() == MFnNumericData::kDouble,
          "and types");
    look(node, 0, "7 8 8 7", "and their values");
    plug(node, "shift_other").setDouble(0);
    disconnect(plug(node, "shift_near"));
    plug(node, "shift_near").setDouble(0);
    save("q.lua", pipeline("amount = expose(2, \"Width\", { id = \"width\" })"));
    plug(node, "pipeline").setString(path("q.lua").c_str());
    plug(node, "width").setDouble(3);
    look(node, 0, "3 4 4 3", "another pipeline has its own");
    fire_timers(0.25);
    check(plug(node, "shift_near").isNull() && !plug(node, "width").isNull(), "and those of the one before go");
    delete_node(node);
    save("shift.c", kernel(0));
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
}

static void choices()
{
    const auto with = [](const char *words) {
        return kernel(0, std::string("    int way WH_UI(0, choices = \"") + words + "\", doc = \"Way\");\n",
                      "        b->x[i] += p->way * 10;\n");
    };
    const auto words = [](const MPlug &p) {
        std::string all;
        for (short i = 0; MFnEnumAttribute(p.attribute()).fieldName(i).length(); i++)
            all += std::string(MFnEnumAttribute(p.attribute()).fieldName(i).asChar()) + " ";
        return all;
    };
    save("shift.c", with("in|out"));
    save("p.lua", pipeline(std::string(plain) + ", way = expose(\"in\", \"Way\")"));
    wait_for([&] { return !plug(deformer, "shift_way").isNull(); });
    const MObject curve = key(plug(deformer, "shift_way"), 1);
    look(deformer, 0, "11 12 12 11", "a choice is keyed");
    save("shift.c", with("in|out|both"));
    check(wait_for([&] { return words(plug(deformer, "shift_way")) == "in out both "; }), "it gains a word",
          words(plug(deformer, "shift_way")));
    look(deformer, 0, "11 12 12 11", "and keeps its key");
    disconnect(plug(deformer, "shift_way"));
    plug(deformer, "shift_way").setInt(1);
    save("shift.c", with("both|in|out"));
    check(wait_for([&] { return words(plug(deformer, "shift_way")) == "both in out "; }), "its words change places",
          words(plug(deformer, "shift_way")));
    look(deformer, 0, "21 22 22 21", "and the value goes with its word");
    set_locked(plug(deformer, "shift_way"), true);
    save("shift.c", kernel(0));
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "a choice that is gone");
    check(!plug(deformer, "shift_way").isNull(), "stays while it is locked");
    set_locked(plug(deformer, "shift_way"), false);
    plug(deformer, "shift_way").setInt(1); /* where the file had it last */
    save("p.lua", pipeline(plain, "  -- again\n"));
    check(wait_for([&] { return plug(deformer, "shift_way").isNull(); }), "and goes when nothing holds it");
}

static void locked_nodes()
{
    lock_node(deformer, true);
    take_said();
    save("p.lua", pipeline("amount = expose(6, \"A\", { id = \"fresh\" })"));
    wait_for([&] { return evaluate(deformer, 0).points[0] == 6; });
    look(deformer, 0, "6 7 7 6", "a node that is locked runs by the file");
    const std::string said = text(take_said());
    check(said.find("warning: whorl: curl: Maya has refused an attribute for 'fresh'") != std::string::npos,
          "and a parameter that it can have no attribute for is told", said);
    lock_node(deformer, false);
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
}

static void names_that_meet()
{
    save("p.lua", pipeline("amount = expose(1, \"A\", { id = \"a.b\" }), angle = expose(0, \"B\", { id = \"a_b\" })"));
    check(wait_for([&] { return !plug(deformer, "a_b_").isNull(); }), "two ids with one legal name are two attributes");
    plug(deformer, "a_b").setDouble(5);
    plug(deformer, "a_b_").setDouble(M_PI);
    const Mesh m = evaluate(deformer, 0);
    check(m.points[0] == 5 && m.points[1] == 180, "and each has its own", xs(m));
    plug(deformer, "a_b").setDouble(1);
    plug(deformer, "a_b_").setDouble(0);
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and all as before");
}

static void other_geometry()
{
    const MObject curve = create_curve("curve", {0, 0, 0, 1, 0, 0, 2, 0, 0});
    const MObject node = apply_deformer("whorlDeformer", {curve}, "curl2");
    plug(node, "pipeline").setString("$WHORL_SCENE/p.lua");
    look(node, 0, "1 2 3", "points of what is no mesh move too; a path may have variables");
    set_members(node, 0, {1, 2});
    set_weight(node, 0, 1, 0.5f);
    look(node, 0, "0 1.5 3", "with membership and weights, which go by point");
    delete_node(node);
    delete_node(curve);
}

static void copies()
{
    plug(deformer, "shift_amount").setDouble(4);
    const MObject copy = duplicate_node(deformer);
    connect(plug(left, "outMesh"), plug(copy, "input[0].inputGeometry"));
    look(copy, 0, "4 5 5 4", "a copy has the pipeline and the values");
    plug(deformer, "shift_amount").setDouble(1);
    look(copy, 0, "4 5 5 4", "which are its own");
    look(deformer, 0, "1 2 2 1", "and those of the other its own");
    delete_node(copy);
}

static void maps()
{
    save("p.lua", "local m = field.attribute { name = \"grip\" }\n" +
                      pipeline("amount = expose(1, \"Amount\"), angle = expose(0, \"Angle\"), mask = m"));
    check(wait_for([&] { return !plug(deformer, "gripMapList").isNull(); }), "a point attribute is a map to paint",
          text(take_said()));
    look(deformer, 0, "1 2 2 1", "that is 1 where nobody has painted");
    set_color_set(left, "grip", {MColor(1, 1, 1), MColor(0, 0, 0), MColor(0, 0, 0), MColor(1, 1, 1)});
    look(deformer, 0, "1 1 1 1", "a colour set of that name is read by its luminance");
    plug(deformer, "gripMapList[0]").asDouble(); /* the element is there then, and empty */
    set_color_set(left, "grip", {MColor(1, 1, 1), MColor(0, 0, 0), MColor(0, 0, 0), MColor(1, 1, 1)});
    look(deformer, 0, "1 1 1 1", "where nothing is painted");
    plug(deformer, "gripMapList[0].gripMap[0]").setDouble(0);
    plug(deformer, "gripMapList[0].gripMap[1]").setDouble(0.5);
    look(deformer, 0, "0 1.5 2 1", "the painted map goes first");
    save("p.lua", pipeline(plain));
    look_soon(deformer, "1 2 2 1", "and without it all is as before");
}

static void generations()
{
    save("shift.c", kernel(30));
    look_soon(deformer, "31 32 32 31", "a next generation");
    const std::string status = run("whorlStatus curl"), mark = "\"generation\": ";
    const int now = atoi(status.substr(std::min(status.find(mark), status.size() - mark.size()) + mark.size()).c_str());
    check(now > 1, "has a number", std::to_string(now));
    save("shift.c", kernel(40));
    look_soon(deformer, "41 42 42 41", "and one more");
    run("whorlPin -kernel deform.shift -generation " + std::to_string(now) + " curl");
    look(deformer, 0, "31 32 32 31", "whorlPin goes back to one");
    save("shift.c", kernel(50));
    for (int i = 0; i < 150; i++) {
        usleep(10000);
        fire_timers(0.25);
    }
    look(deformer, 0, "31 32 32 31", "a save does not move what is pinned");
    check(run("whorlStatus curl").find("\"pinned\": true") != std::string::npos, "which whorlStatus says");
    run("whorlPin -kernel deform.shift -generation 0 curl");
    look_soon(deformer, "51 52 52 51", "generation 0 is the newest");
    check(undo(), "which can be undone");
    look(deformer, 0, "31 32 32 31", "and then is as it was");
    check(redo(), "and done again");
    look_soon(deformer, "51 52 52 51", "as before");
    check(undo() && undo(), "undone to before the first");
    look_soon(deformer, "51 52 52 51", "it is not held");
    check(run("whorlPin -kernel deform.nothing curl").find("deform.nothing") != std::string::npos,
          "a kernel that is not there is an error with its name");
    save("shift.c", kernel(0));
    look_soon(deformer, "1 2 2 1", "and as it was");
}

static void batch()
{
    set_batch(true);
    save("shift.c", kernel(7));
    check(run("whorlReload -wait 60") == "1", "whorlReload takes over what was saved");
    look(deformer, 0, "8 9 9 8", "without a timer");
    check(run("whorlReload") == "0", "and finds nothing when nothing was", run("whorlStatus"));
    save("shift.c", kernel(0));
    run("whorlReload -wait 60");
    set_batch(false);
    look_soon(deformer, "1 2 2 1", "and back");
    check(run("whorlStatus left").find("failed: ") == 0, "whorlStatus of what is not whorl's is an error");
    const std::string all = run("whorlStatus");
    check(all[0] == '[' && all.find("\"file\": \"" + path("p.lua") + "\"") != std::string::npos &&
              all.find("\"kernel\": \"deform.shift\"") != std::string::npos,
          "whorlStatus is JSON of what is open", all);
}

static MVectorArray positions(const MObject &node)
{
    return MFnArrayAttrsData(plug(node, "outPoints").asMObject()).vectorArray("position");
}

static void samples()
{
    save("fill.lua", "return pipeline \"fill\" {\n  sample.inside { name = \"a\", spacing = expose(0.25, \"Spacing\", "
                     "{ id = \"spacing\" }) },\n"
                     "  reload { canary = false, publish = \"at-once\" },\n}\n");
    const MObject box = create_mesh("box", cube());
    create_node("transform", "bead");
    const unsigned depth = undoable();
    const std::string made = run("whorlFill -pipeline " + path("fill.lua") + " -instance bead box");
    const MObject node = find_node("whorlSample1");
    check(!node.isNull() && made.find("whorlSample1") == 0, "whorlFill makes a whorlSample", made);
    if (node.isNull())
        return;
    MVectorArray p = positions(node);
    const unsigned count = p.length();
    check(count > 30, "with points inside the mesh", std::to_string(count));
    bool inside = p.length() > 0;
    for (unsigned i = 0; i < p.length(); i++)
        inside = inside && p[i].x >= 0 && p[i].x <= 1 && p[i].y >= 0 && p[i].y <= 1 && p[i].z >= 0 && p[i].z <= 1;
    check(inside, "all of them",
          p.length() ? std::to_string(p[0].x) + " " + std::to_string(p[0].y) + " " + std::to_string(p[0].z) : "none");
    MFnArrayAttrsData arrays(plug(node, "outPoints").asMObject());
    check(arrays.doubleArray("id").length() == p.length() && arrays.doubleArray("winding").length() == p.length(),
          "ids and winding numbers come along");
    check(plug(find_node("instancer1"), "inputPoints").isDestination() &&
              plug(find_node("instancer1"), "inputHierarchy[0]").isDestination(),
          "and an instancer is wired to them");
    MMatrix away;
    away[3][0] = 100;
    set_matrix(box, away);
    MVectorArray q = positions(node);
    check(q.length() == p.length() && std::abs(q[0].x - p[0].x - 100) < 1e-9 && q[0].y == p[0].y,
          "points are put out in the world, by the mesh's matrix");
    plug(node, "spacing").setDouble(0.5);
    check(positions(node).length() < count, "a parameter changes them");
    plug(node, "spacing").setDouble(0.25);
    save("carry.lua", "return pipeline \"carry\" {\n  deform.linear { mask = field.attribute { name = \"grip\" } },\n"
                      "  sample.inside { name = \"a\", spacing = 0.25, attributes = true },\n}\n");
    set_color_set(box, "grip", std::vector<MColor>(8, MColor(0.5f, 0.5f, 0.5f)));
    plug(node, "pipeline").setString(path("carry.lua").c_str());
    const MDoubleArray grip = MFnArrayAttrsData(plug(node, "outPoints").asMObject()).doubleArray("grip");
    check(grip.length() == count && std::abs(grip[0] - 0.5) < 1e-6,
          "a sampler carries the colour set that the pipeline reads",
          std::to_string(grip.length()) + " " + text(take_said()));
    plug(node, "pipeline").setString(path("fill.lua").c_str());
    check(undo() && undoable() == depth && find_node("whorlSample1").isNull() && find_node("instancer1").isNull(),
          "undo takes all of it away");
    check(redo() && !find_node("whorlSample1").isNull() && positions(find_node("whorlSample1")).length() == count,
          "redo brings it back");
    check(undo(), "and undo again");
    check(run("whorlFill nothing").find("failed: ") == 0, "a mesh that is not there is an error");
    if (std::ifstream(own_fill)) {
        const std::string name = run("whorlFill box");
        check(positions(find_node(name)).length() > 30, "the fill that comes along makes points too", name);
    }
}

/* ---- four nodes on threads through reloads ---- */

static std::atomic<bool> stop;
static std::atomic<unsigned> evaluations, lost;

static void evaluate_on(const MObject &node, std::atomic<int> &oldest, std::atomic<int> &newest)
{
    const float base = 1;
    Mesh m;
    while (!stop) {
        const int from = oldest;
        const bool good = evaluate_in_context(node, 0, m);
        const int to = newest;
        const float number = m.points.empty() ? -1 : m.points[0] - base;
        bool whole = good && number >= (float)from && number <= (float)to;
        for (size_t i = 0; whole && i < m.points.size(); i += 3)
            whole = m.points[i] - base == number;
        lost += !whole;
        evaluations++;
        usleep(200); /* what is between two frames */
    }
}

static std::string numbered_kernel(int save)
{
    return kernel(0,
                  "    int number WH_UI(0, min = 0, max = 100000, doc = \"Which\");\n"
                  "    float more WH_UI(0, min = 0, max = 1, doc = \"More\");\n",
                  "        b->x[i] += (float)p->number + p->more;\n") +
           "/* save " + std::to_string(save) + " */\n";
}

static void threads(int count)
{
    Mesh many;
    many.points.assign(3 * 1500, 0);
    std::vector<MObject> nodes;
    std::vector<std::thread> workers;
    std::atomic<int> oldest{0}, newest{0};
    for (int i = 0; i < 4; i++) {
        const std::string name = "n" + std::to_string(i);
        nodes.push_back(apply_deformer("whorlDeformer", {create_mesh(name + "m", many)}, name));
        plug(nodes.back(), "pipeline").setString(path("p.lua").c_str());
    }
    for (const MObject &node : nodes)
        workers.emplace_back(evaluate_on, node, std::ref(oldest), std::ref(newest));
    int shown = 0, bad = 0;
    for (int i = 1; i <= count; i++) {
        newest = i;
        /* Most saves are of the file, which costs no compiler; some are of the kernel, and every ninth is bad. */
        if (i % 40 == 0)
            save("shift.c", numbered_kernel(i));
        if (i % 9 == 0) {
            save("p.lua", "return pipeline \"p\" { deform.shfit {} }\n");
            bad += wait_for([&] { return run("whorlStatus -q -message n0").find("shfit") != std::string::npos; });
        }
        const char *more = i / 10 % 2 ? ", more = expose(0, \"More\")" : ""; /* it comes and goes */
        save("p.lua", pipeline(plain + std::string(more) + ", number = " + std::to_string(i)));
        const std::string expected = std::to_string(1 + i);
        const bool seen = wait_for([&] { return std::to_string((int)evaluate(nodes[0], 0).points[0]) == expected; });
        shown += seen;
        oldest = i;
        if (i % 50 == 0)
            plug(nodes[(size_t)i / 50 % 4], "shift_angle").setDouble(i % 100 ? 0 : 0.5);
    }
    stop = true;
    for (std::thread &worker : workers)
        worker.join();
    check(shown == count, "every one of " + std::to_string(count) + " reloads shows under four threads",
          std::to_string(shown));
    check(bad == count / 9, "and every bad save is told", std::to_string(bad));
    check(lost == 0 && failures() == 0 && evaluations > (unsigned)count / 10,
          "no evaluation is lost, fails, or mixes two generations",
          std::to_string(lost) + " lost, " + std::to_string(failures()) + " failed of " + std::to_string(evaluations));
    for (const MObject &node : nodes)
        delete_node(node);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    folder = argv[2];
    own_fill = argv[1];
    own_fill = own_fill.substr(0, own_fill.rfind('/')) + "/../../pipelines/fill.lua";
    setenv("XDG_CACHE_HOME", path("cache").c_str(), 1);
    setenv("WHORL_SCENE", folder.c_str(), 1);
    save("shift.c", kernel(0));
    save("p.lua", pipeline(plain));
    Plugin *plugin = load_plugin(argv[1]);
    check(plugin, "the plug-in loads and registers", text(take_said()));
    if (!plugin)
        return 1;
    deforms();
    weights();
    parameters();
    reloads();
    cooks_that_fail();
    surface();
    rewritten_kernels();
    names();
    shared_points(kNever, "points of its own");
    shared_points(kUntilSet, "points that are shared until they are set");
    shared_points(kStubborn, "points that stay shared");
    scenes_that_are_read();
    choices();
    names_that_meet();
    locked_nodes();
    other_geometry();
    copies();
    maps();
    generations();
    batch();
    samples();
    save("shift.c", numbered_kernel(0));
    wait_for([&] { return run("whorlStatus").find("\"deform.shift\"") != std::string::npos; });
    threads(argc > 3 ? atoi(argv[3]) : 2000);
    check(!unload_plugin(plugin) && text(take_said()).find("whorl: it is in use") != std::string::npos,
          "the plug-in does not unload while there are nodes of its own");
    check(!create_node("whorlDeformer", "late").isNull() && run("whorlStatus").find("[{") == 0,
          "and all of it is still there");
    left = right = deformer = MObject();
    new_scene();
    fire_timers(0.25);
    check(run("whorlStatus") == "[]", "with the last node the session closes", run("whorlStatus"));
    const bool unloaded = unload_plugin(plugin);
    check(unloaded && timers() == 0, "the plug-in unloads, and leaves no callback",
          std::to_string(timers()) + " callbacks " + text(take_said()));
    check(!is_mapped("libwhorl.so"), "nor the library");
    MUserEventMessage::registerUserEvent("whorlReloaded"); /* a script that listens before there is anything to hear */
    plugin = load_plugin(argv[1]);
    check(plugin && unload_plugin(plugin) && MUserEventMessage::isUserEvent("whorlReloaded"),
          "it loads where a script has registered the event before, and leaves it", text(take_said()));
    return wrong != 0;
}
