/* plugin.cpp - whorl in Maya: what is registered, the commands, the timer, and a clean end. The plug-in itself is never
 * reloaded; what is behind it, a pipeline in Lua and kernels in C, is, while the scene stays. docs/maya.md is its
 * manual.
 */
#include "nodes.h"
#include <algorithm>
#include <cstdlib>
#include <maya/MArgDatabase.h>
#include <maya/MArgList.h>
#include <maya/MDagModifier.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnPlugin.h>
#include <maya/MGlobal.h>
#include <maya/MPxCommand.h>
#include <maya/MSelectionList.h>
#include <maya/MSyntax.h>
#include <maya/MTimerMessage.h>
#include <maya/MUserEventMessage.h>

using whorl::Pipeline;
using whorl::Session;

static const float period = 0.1f; /* seconds; a look at nothing new costs microseconds */
static const char *const reloaded = "whorlReloaded";
static std::string fill_pipeline;
static MCallbackId timer;

static MStatus fail(const std::string &text)
{
    MGlobal::displayError(text.c_str());
    return MS::kFailure;
}

static bool take_over(double seconds)
{
    const bool changed = Session::poll_all(seconds);
    Pipeline::tend_all();
    Session::close_unused();
    if (changed)
        MUserEventMessage::postUserEvent(reloaded);
    return changed;
}

static std::shared_ptr<Session> session_of(const MArgDatabase &arguments)
{
    MSelectionList list;
    MObject node;
    arguments.getObjects(list);
    for (const Pipeline *p : Pipeline::all)
        if (list.getDependNode(0, node) && p->node() == node)
            return p->session();
    return nullptr;
}

/* ---- commands ---- */

/* whorlReload [-wait SECONDS]: takes over what was saved, where no timer does (batch, mayapy); waits so long for a
 * compiler. 1: something was. */
class WhorlReload : public MPxCommand
{
  public:
    static MSyntax syntax()
    {
        MSyntax syntax;
        syntax.addFlag("-w", "-wait", MSyntax::kDouble);
        return syntax;
    }
    MStatus doIt(const MArgList &list) override
    {
        double seconds = 0;
        MStatus status;
        const MArgDatabase arguments(syntax(), list, &status);
        CHECK_MSTATUS_AND_RETURN_IT(status);
        arguments.getFlagArgument("-w", 0, seconds);
        setResult(take_over(seconds) ? 1 : 0);
        return MS::kSuccess;
    }
};

/* whorlStatus [-query -file|-message NODE] [NODE]: JSON of every open pipeline, or of the node's. */
class WhorlStatus : public MPxCommand
{
  public:
    static MSyntax syntax()
    {
        MSyntax syntax;
        syntax.enableQuery(true);
        syntax.addFlag("-f", "-file");
        syntax.addFlag("-m", "-message");
        syntax.setObjectType(MSyntax::kSelectionList, 0, 1);
        return syntax;
    }
    MStatus doIt(const MArgList &list) override
    {
        MStatus status;
        const MArgDatabase arguments(syntax(), list, &status);
        CHECK_MSTATUS_AND_RETURN_IT(status);
        const std::shared_ptr<Session> session = session_of(arguments);
        std::string all;
        if (arguments.isQuery() && !session)
            return fail("whorlStatus: name a whorlDeformer or a whorlSample that has a pipeline");
        for (const auto &pair : Session::all)
            all += (all.empty() ? "" : ", ") + std::string(wh_status_json(pair.second->handle));
        setResult(MString(arguments.isFlagSet("-f")   ? session->file.c_str()
                          : arguments.isFlagSet("-m") ? wh_message(session->handle)
                          : session                   ? wh_status_json(session->handle)
                                                      : ("[" + all + "]").c_str()));
        return MS::kSuccess;
    }
};

/* whorlPin -kernel "deform.twist" -generation N NODE: makes that generation live and holds it, whatever is saved, until
 * generation 0, the newest, is asked for. whorlStatus says which one is live. */
class WhorlPin : public MPxCommand
{
  public:
    static MSyntax syntax()
    {
        MSyntax syntax;
        syntax.addFlag("-k", "-kernel", MSyntax::kString);
        syntax.addFlag("-g", "-generation", MSyntax::kLong);
        syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
        return syntax;
    }
    MStatus doIt(const MArgList &list) override
    {
        MString kernel;
        int generation = 0;
        MStatus status;
        const MArgDatabase arguments(syntax(), list, &status);
        CHECK_MSTATUS_AND_RETURN_IT(status);
        const std::shared_ptr<Session> session = session_of(arguments);
        if (!session)
            return fail("whorlPin: name a whorlDeformer or a whorlSample that has a pipeline");
        arguments.getFlagArgument("-k", 0, kernel);
        arguments.getFlagArgument("-g", 0, generation);
        if (wh_generation_use(session->handle, kernel.asChar(), (uint32_t)std::max(generation, 0), generation > 0))
            return fail(std::string("whorlPin: ") + wh_last_error());
        session->look_again();
        take_over(0);
        return MS::kSuccess;
    }
};

/* whorlFill [-pipeline FILE] [-sampler NAME] [-instance OBJECT] MESH: a whorlSample on the mesh, and an instancer of
 * OBJECT on its points. Gives the names of what it made. Undoable. */
class WhorlFill : public MPxCommand
{
  public:
    static MSyntax syntax()
    {
        MSyntax syntax;
        syntax.addFlag("-p", "-pipeline", MSyntax::kString);
        syntax.addFlag("-s", "-sampler", MSyntax::kString);
        syntax.addFlag("-i", "-instance", MSyntax::kString);
        syntax.useSelectionAsDefault(true);
        syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
        return syntax;
    }
    MStatus doIt(const MArgList &list) override;
    MStatus redoIt() override
    {
        return change_.doIt();
    }
    MStatus undoIt() override
    {
        return change_.undoIt();
    }
    bool isUndoable() const override
    {
        return true;
    }

  private:
    MDagModifier change_;
};

static MPlug plug_of(const MObject &node, const char *name)
{
    return MFnDependencyNode(node).findPlug(name, false);
}

static bool has(const MSelectionList &list, MObject &node, const char *attribute)
{
    return list.getDependNode(0, node) && MFnDependencyNode(node).hasAttribute(attribute);
}

MStatus WhorlFill::doIt(const MArgList &list)
{
    MStatus status;
    const MArgDatabase arguments(syntax(), list, &status);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    MSelectionList selected, named;
    MObject mesh, object;
    MString pipeline = fill_pipeline.c_str(), sampler, instance;
    arguments.getFlagArgument("-p", 0, pipeline);
    arguments.getFlagArgument("-s", 0, sampler);
    arguments.getFlagArgument("-i", 0, instance);
    arguments.getObjects(selected);
    if (!has(selected, mesh, "outMesh"))
        return fail("whorlFill: name a mesh (the shape, not its transform)");
    if (instance.length() && !(named.add(instance) && has(named, object, "matrix")))
        return fail(std::string("whorlFill: there is no object '") + instance.asChar() + "' to instance");

    const MObject node = change_.MDGModifier::createNode(WhorlSample::id);
    change_.connect(plug_of(mesh, "outMesh"), MPlug(node, WhorlSample::mesh));
    change_.connect(plug_of(mesh, "worldMatrix").elementByLogicalIndex(0), MPlug(node, WhorlSample::matrix));
    WhorlSample::inputs.connect_time(node, change_);
    change_.newPlugValueString(MPlug(node, WhorlSample::sampler), sampler);
    change_.newPlugValueString(MPlug(node, WhorlSample::inputs.file), pipeline);
    if (!object.isNull()) {
        const MObject instancer = change_.createNode("instancer");
        change_.connect(MPlug(node, WhorlSample::points), plug_of(instancer, "inputPoints"));
        change_.connect(plug_of(object, "matrix"), plug_of(instancer, "inputHierarchy").elementByLogicalIndex(0));
        object = instancer;
    }
    status = redoIt();
    clearResult();
    appendToResult(MFnDependencyNode(node).name());
    if (!object.isNull())
        appendToResult(MFnDependencyNode(object).name());
    return status;
}

/* ---- loading and unloading ---- */

template <class T> static void *create()
{
    return new T;
}

template <class T> static MStatus add_command(MFnPlugin &plugin, const char *name)
{
    return plugin.registerCommand(name, create<T>, T::syntax);
}

static void on_timer(float, float, void *)
{
    take_over(0);
}

__attribute__((visibility("default"))) MStatus initializePlugin(MObject object)
{
    MFnPlugin plugin(object, "whorl", "0.1", "Any");
    fill_pipeline = std::string(plugin.loadPath().asChar()) + "/../../pipelines/fill.lua";
    for (const MStatus &status :
         {plugin.registerNode("whorlDeformer", WhorlDeformer::id, create<WhorlDeformer>, WhorlDeformer::initialize,
                              MPxNode::kDeformerNode),
          plugin.registerNode("whorlSample", WhorlSample::id, create<WhorlSample>, WhorlSample::initialize),
          add_command<WhorlReload>(plugin, "whorlReload"), add_command<WhorlStatus>(plugin, "whorlStatus"),
          add_command<WhorlPin>(plugin, "whorlPin"), add_command<WhorlFill>(plugin, "whorlFill"),
          MUserEventMessage::registerUserEvent(reloaded)})
        CHECK_MSTATUS_AND_RETURN_IT(status);
    if (MGlobal::mayaState() == MGlobal::kInteractive)
        timer = MTimerMessage::addTimerCallback(period, on_timer);
    return MS::kSuccess;
}

/* Nodes that are left make this fail, before anything else is taken away. */
__attribute__((visibility("default"))) MStatus uninitializePlugin(MObject object)
{
    MFnPlugin plugin(object);
    for (const MTypeId &id : {WhorlDeformer::id, WhorlSample::id})
        CHECK_MSTATUS_AND_RETURN_IT(plugin.deregisterNode(id));
    if (timer)
        MMessage::removeCallback(timer);
    for (const char *name : {"whorlReload", "whorlStatus", "whorlPin", "whorlFill"})
        plugin.deregisterCommand(name);
    MUserEventMessage::deregisterUserEvent(reloaded);
    Session::close_unused(); /* all of them, now */
    return MS::kSuccess;
}
