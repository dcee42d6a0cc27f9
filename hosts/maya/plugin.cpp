/* plugin.cpp - whorl in Maya: commands, the timer, a clean end. The plug-in is never reloaded; what is behind it, a
 * pipeline in Lua and kernels in C, is, while the scene stays. docs/maya.md is its manual. */
#include "node.h"
#include <maya/MArgDatabase.h>
#include <maya/MArgList.h>
#include <maya/MDagModifier.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MGlobal.h>
#include <maya/MPxCommand.h>
#include <maya/MSelectionList.h>
#include <maya/MSyntax.h>
#include <maya/MTimerMessage.h>
#include <maya/MUserEventMessage.h>

using whorl::Node;

static const char *const reloaded = "whorlReloaded";
static std::string fill_pipeline;
static MCallbackId timer;
static bool own_event; /* else a script has registered it before */

static bool take_over(double seconds)
{
    const bool changed = Node::take_over(seconds);
    if (changed)
        MUserEventMessage::postUserEvent(reloaded);
    return changed;
}

namespace
{
class Command : public MPxCommand
{
  public:
    MStatus doIt(const MArgList &list) override
    {
        MStatus status;
        const MArgDatabase arguments(syntax(), list, &status);
        MSelectionList objects;
        if (status && arguments.getObjects(objects))
            objects.getDependNode(0, object);
        session = Node::session_of(object);
        return status ? run(arguments) : status;
    }

  protected:
    virtual MStatus run(const MArgDatabase &arguments) = 0;
    static MStatus fail(const std::string &text)
    {
        return MGlobal::displayError(text.c_str()), MS::kFailure;
    }
    MObject object;         /* that is named, or selected */
    whorl::Session session; /* of it, if it is a node of ours */
};

/* whorlReload [-wait SECONDS]: takes over what was saved, where no timer does (batch, mayapy); waits so long for a
 * compiler. 1: something was. */
struct WhorlReload : Command {
    static MSyntax flags()
    {
        MSyntax syntax;
        syntax.addFlag("-w", "-wait", MSyntax::kDouble);
        return syntax;
    }
    MStatus run(const MArgDatabase &arguments) override
    {
        double seconds = 0;
        arguments.getFlagArgument("-w", 0, seconds);
        return setResult(take_over(seconds) ? 1 : 0), MS::kSuccess;
    }
};

/* whorlStatus [-query -file|-message] [NODE]: JSON of every open pipeline, or of the node's. */
struct WhorlStatus : Command {
    static MSyntax flags()
    {
        MSyntax syntax;
        syntax.enableQuery(true);
        syntax.addFlag("-f", "-file");
        syntax.addFlag("-m", "-message");
        syntax.setObjectType(MSyntax::kSelectionList, 0, 1);
        return syntax;
    }
    MStatus run(const MArgDatabase &arguments) override
    {
        std::string all, mine;
        if (!session && (arguments.isQuery() || !object.isNull()))
            return fail("whorlStatus: name a whorlDeformer or a whorlSample that has a pipeline");
        for (const auto &[name, open] : Node::sessions) {
            const std::string json = wh_status_json(open.get());
            all += (all.empty() ? "" : ", ") + json;
            if (open == session)
                mine = arguments.isFlagSet("-f") ? name : arguments.isFlagSet("-m") ? wh_message(open.get()) : json;
        }
        return setResult(MString((session ? mine : "[" + all + "]").c_str())), MS::kSuccess;
    }
};

/* whorlPin -kernel "deform.twist" -generation N NODE: makes that generation live and holds it, whatever is saved, until
 * generation 0, the newest, is asked for. whorlStatus says which one is live. Undoable. */
struct WhorlPin : Command {
    static MSyntax flags()
    {
        MSyntax syntax;
        syntax.addFlag("-k", "-kernel", MSyntax::kString);
        syntax.addFlag("-g", "-generation", MSyntax::kLong);
        syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
        return syntax;
    }
    MStatus run(const MArgDatabase &arguments) override
    {
        wh_kernel_info info = {};
        info.size = sizeof info;
        if (!session)
            return fail("whorlPin: name a whorlDeformer or a whorlSample that has a pipeline");
        arguments.getFlagArgument("-k", 0, kernel);
        arguments.getFlagArgument("-g", 0, now);
        for (uint32_t i = 0; wh_kernel_at(session.get(), i, &info) == WH_OK; i++)
            if (info.pinned && kernel == info.id)
                before = (int)info.generation;
        return use(now);
    }
    MStatus use(int generation)
    {
        if (wh_generation_use(session.get(), kernel.asChar(), generation > 0 ? (uint32_t)generation : 0,
                              generation > 0))
            return fail(std::string("whorlPin: ") + wh_last_error());
        return take_over(0), MS::kSuccess;
    }
    MStatus redoIt() override
    {
        return use(now);
    }
    MStatus undoIt() override
    {
        return use(before);
    }
    bool isUndoable() const override
    {
        return true;
    }
    MString kernel;
    int now = 0, before = 0; /* generations that are pinned; 0: none */
};

/* whorlFill [-pipeline FILE] [-sampler NAME] [-instance OBJECT] MESH: a whorlSample on the mesh, and an instancer of
 * OBJECT on its points. Gives the names of what it made. Undoable. */
struct WhorlFill : Command {
    static MSyntax flags()
    {
        MSyntax syntax;
        syntax.addFlag("-p", "-pipeline", MSyntax::kString);
        syntax.addFlag("-s", "-sampler", MSyntax::kString);
        syntax.addFlag("-i", "-instance", MSyntax::kString);
        syntax.useSelectionAsDefault(true);
        syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
        return syntax;
    }
    static MPlug plug(const MObject &node, const char *name, int element = -1)
    {
        const MPlug found = MFnDependencyNode(node).findPlug(name, false);
        return element < 0 ? found : found.elementByLogicalIndex((unsigned)element);
    }
    MStatus run(const MArgDatabase &arguments) override
    {
        MSelectionList named;
        MObject shown, instancer;
        MString pipeline = fill_pipeline.c_str(), sampler, instance;
        arguments.getFlagArgument("-p", 0, pipeline);
        arguments.getFlagArgument("-s", 0, sampler);
        arguments.getFlagArgument("-i", 0, instance);
        if (object.isNull() || !MFnDependencyNode(object).hasAttribute("outMesh"))
            return fail("whorlFill: name a mesh (the shape, not its transform)");
        if (instance.length() &&
            !(named.add(instance) && named.getDependNode(0, shown) && MFnDependencyNode(shown).hasAttribute("matrix")))
            return fail(std::string("whorlFill: there is no object '") + instance.asChar() + "' to instance");
        const MObject node = change.MDGModifier::createNode("whorlSample");
        change.connect(plug(object, "outMesh"), plug(node, "inMesh"));
        change.connect(plug(object, "worldMatrix", 0), plug(node, "inMatrix"));
        Node::connect_time(node, change);
        change.newPlugValueString(plug(node, "sampler"), sampler);
        change.newPlugValueString(plug(node, "pipeline"), pipeline);
        if (!shown.isNull()) {
            instancer = change.createNode("instancer");
            change.connect(plug(node, "outPoints"), plug(instancer, "inputPoints"));
            change.connect(plug(shown, "matrix"), plug(instancer, "inputHierarchy", 0));
        }
        const MStatus status = redoIt();
        if (!status)
            return undoIt(), fail("whorlFill: Maya has refused to make it");
        clearResult();
        for (const MObject &made : {node, instancer})
            if (!made.isNull())
                appendToResult(MFnDependencyNode(made).name());
        return status;
    }
    MStatus redoIt() override
    {
        return change.doIt();
    }
    MStatus undoIt() override
    {
        return change.undoIt();
    }
    bool isUndoable() const override
    {
        return true;
    }
    MDagModifier change;
};

template <class T> void *create()
{
    return new T;
}

void on_timer(float, float, void *)
{
    take_over(0);
}
} // namespace

static const struct {
    const char *name;
    void *(*make)();
    MSyntax (*flags)();
} commands[] = {{"whorlReload", create<WhorlReload>, WhorlReload::flags},
                {"whorlStatus", create<WhorlStatus>, WhorlStatus::flags},
                {"whorlPin", create<WhorlPin>, WhorlPin::flags},
                {"whorlFill", create<WhorlFill>, WhorlFill::flags}};

static MStatus register_all(MFnPlugin &plugin)
{
    CHECK_MSTATUS_AND_RETURN_IT(whorl::register_deformer(plugin));
    CHECK_MSTATUS_AND_RETURN_IT(whorl::register_sample(plugin));
    for (const auto &command : commands)
        CHECK_MSTATUS_AND_RETURN_IT(plugin.registerCommand(command.name, command.make, command.flags));
    own_event = !MUserEventMessage::isUserEvent(reloaded) && MUserEventMessage::registerUserEvent(reloaded);
    if (MGlobal::mayaState() == MGlobal::kInteractive)
        timer = MTimerMessage::addTimerCallback(0.1f, on_timer); /* a look at nothing new costs microseconds */
    return MS::kSuccess;
}

static void take_away(MFnPlugin &plugin) /* what there is of it */
{
    if (timer)
        MMessage::removeCallback(timer);
    if (own_event)
        MUserEventMessage::deregisterUserEvent(reloaded);
    for (const auto &command : commands)
        plugin.deregisterCommand(command.name);
    for (const MTypeId &id : {whorl::deformer_id, whorl::sample_id})
        plugin.deregisterNode(id);
    own_event = false, timer = 0;
    Node::take_over(0); /* closes all sessions: no node is left */
}

__attribute__((visibility("default"))) MStatus initializePlugin(MObject object)
{
    MFnPlugin plugin(object, "whorl", "0.1", "Any");
    fill_pipeline = std::string(plugin.loadPath().asChar()) + "/../../pipelines/fill.lua";
    const MStatus status = register_all(plugin);
    if (!status)
        take_away(plugin);
    return status;
}

__attribute__((visibility("default"))) MStatus uninitializePlugin(MObject object)
{
    MFnPlugin plugin(object);
    if (Node::exists()) {
        MGlobal::displayError("whorl: it is in use (delete its nodes, or open a new scene, before it is unloaded)");
        return MS::kFailure;
    }
    take_away(plugin);
    return MS::kSuccess;
}
