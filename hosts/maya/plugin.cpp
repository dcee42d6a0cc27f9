/* plugin.cpp - whorl in Maya: what is registered, the timer, and a clean end. The plug-in itself is never reloaded;
 * what is behind it, a pipeline in Lua and kernels in C, is, while the scene stays. docs/maya.md is its manual. */
#include "commands.h"
#include "deformer.h"
#include "sample.h"
#include <maya/MFnPlugin.h>
#include <maya/MGlobal.h>
#include <maya/MTimerMessage.h>
#include <maya/MUserEventMessage.h>

static const float period = 0.1f; /* seconds; a look at nothing new costs microseconds */
static MCallbackId timer;

template <class Command> static void *create()
{
    return new Command;
}

template <class Command> static MStatus add_command(MFnPlugin &plugin, const char *name)
{
    return plugin.registerCommand(name, create<Command>, Command::syntax);
}

static void on_timer(float, float, void *)
{
    whorl_tick();
}

static MStatus add_all(MFnPlugin &plugin)
{
    const MStatus statuses[] = {
        plugin.registerNode("whorlDeformer", WhorlDeformer::id, WhorlDeformer::create, WhorlDeformer::initialize,
                            MPxNode::kDeformerNode),
        plugin.registerNode("whorlSample", WhorlSample::id, WhorlSample::create, WhorlSample::initialize),
        add_command<WhorlReload>(plugin, "whorlReload"),
        add_command<WhorlStatus>(plugin, "whorlStatus"),
        add_command<WhorlPin>(plugin, "whorlPin"),
        add_command<WhorlFill>(plugin, "whorlFill"),
        MUserEventMessage::registerUserEvent(reloaded_event),
    };
    for (const MStatus &status : statuses)
        CHECK_MSTATUS_AND_RETURN_IT(status);
    return MS::kSuccess;
}

__attribute__((visibility("default"))) MStatus initializePlugin(MObject object)
{
    MFnPlugin plugin(object, "whorl", "0.1", "Any");
    const std::string folder = plugin.loadPath().asChar();
    const char *chosen = getenv("WHORL_MAYA_FILL");
    WhorlFill::default_pipeline = chosen ? chosen : folder + "/../../pipelines/fill.lua";
    const MStatus status = add_all(plugin);
    if (status && MGlobal::mayaState() == MGlobal::kInteractive)
        timer = MTimerMessage::addTimerCallback(period, on_timer);
    return status;
}

/* Maya comes here only when no node is left. */
__attribute__((visibility("default"))) MStatus uninitializePlugin(MObject object)
{
    MFnPlugin plugin(object);
    MStatus status = plugin.deregisterNode(WhorlDeformer::id);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    status = plugin.deregisterNode(WhorlSample::id);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    if (timer)
        MMessage::removeCallback(timer);
    timer = 0;
    for (const char *name : {"whorlReload", "whorlStatus", "whorlPin", "whorlFill"})
        plugin.deregisterCommand(name);
    MUserEventMessage::deregisterUserEvent(reloaded_event);
    whorl::Session::close_unused(); /* all of them, now */
    return MS::kSuccess;
}
