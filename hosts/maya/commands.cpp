#include "commands.h"
#include "pipeline.h"
#include "sample.h"
#include <maya/MFnDependencyNode.h>
#include <maya/MGlobal.h>
#include <maya/MPlug.h>
#include <maya/MSelectionList.h>
#include <maya/MStringArray.h>
#include <maya/MUserEventMessage.h>

using whorl::Pipeline;
using whorl::Session;

const char *const reloaded_event = "whorlReloaded";
std::string WhorlFill::default_pipeline;

static MStatus fail(const std::string &text)
{
    MGlobal::displayError(text.c_str());
    return MS::kFailure;
}

void whorl_tick()
{
    const bool changed = Session::poll_all(0);
    Pipeline::tend_all(true);
    Session::close_unused();
    if (changed)
        MUserEventMessage::postUserEvent(reloaded_event);
}

/* The session of the node that was named; none: the first there is, where that will do. */
static std::shared_ptr<Session> session_of(const MArgDatabase &arguments)
{
    MSelectionList list;
    MObject node;
    arguments.getObjects(list);
    if (!list.getDependNode(0, node))
        return nullptr;
    const Pipeline *p = Pipeline::of(node);
    return p ? p->session() : nullptr;
}

/* ---- whorlReload ---- */

MSyntax WhorlReload::syntax()
{
    MSyntax syntax;
    syntax.addFlag("-w", "-wait", MSyntax::kDouble);
    return syntax;
}

MStatus WhorlReload::doIt(const MArgList &list)
{
    MStatus status;
    const MArgDatabase arguments(syntax(), list, &status);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    double seconds = 0;
    arguments.getFlagArgument("-w", 0, seconds);
    const bool changed = Session::poll_all((unsigned)(std::min(std::max(seconds, 0.0), 3600.0) * 1000));
    Pipeline::tend_all(true);
    Session::close_unused();
    if (changed)
        MUserEventMessage::postUserEvent(reloaded_event);
    setResult(changed ? 1 : 0);
    return MS::kSuccess;
}

/* ---- whorlStatus ---- */

MSyntax WhorlStatus::syntax()
{
    MSyntax syntax;
    syntax.enableQuery(true);
    syntax.addFlag("-f", "-file");
    syntax.addFlag("-m", "-message");
    syntax.addFlag("-s", "-serial");
    syntax.setObjectType(MSyntax::kSelectionList, 0, 1);
    return syntax;
}

MStatus WhorlStatus::doIt(const MArgList &list)
{
    MStatus status;
    const MArgDatabase arguments(syntax(), list, &status);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    const std::shared_ptr<Session> session = session_of(arguments);
    if (arguments.isQuery() && !session)
        return fail("whorlStatus: name a whorlDeformer or a whorlSample that has a pipeline");
    if (arguments.isFlagSet("-f"))
        setResult(MString(session->file.c_str()));
    else if (arguments.isFlagSet("-m"))
        setResult(MString(session->message.c_str()));
    else if (arguments.isFlagSet("-s"))
        setResult(session->serial);
    else if (session)
        setResult(MString(session->json().c_str()));
    else {
        std::string all;
        for (const auto &pair : Session::all())
            all += (all.empty() ? "" : ", ") + pair.second->json();
        setResult(MString(("[" + all + "]").c_str()));
    }
    return MS::kSuccess;
}

/* ---- whorlPin ---- */

MSyntax WhorlPin::syntax()
{
    MSyntax syntax;
    syntax.addFlag("-k", "-kernel", MSyntax::kString);
    syntax.addFlag("-g", "-generation", MSyntax::kLong);
    syntax.addFlag("-h", "-hold", MSyntax::kBoolean);
    syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
    return syntax;
}

static bool find_kernel(const Session &session, const std::string &id, wh_kernel_info &info)
{
    info = {};
    info.size = sizeof info;
    for (uint32_t i = 0; i < wh_kernel_count(session.handle()); i++)
        if (wh_kernel_at(session.handle(), i, &info) == WH_OK && id == info.id)
            return true;
    return false;
}

MStatus WhorlPin::doIt(const MArgList &list)
{
    MStatus status;
    const MArgDatabase arguments(syntax(), list, &status);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    const std::shared_ptr<Session> session = session_of(arguments);
    MString kernel;
    int generation = 0;
    arguments.getFlagArgument("-k", 0, kernel);
    arguments.getFlagArgument("-g", 0, generation);
    arguments.getFlagArgument("-h", 0, pin_);
    wh_kernel_info info;
    kernel_ = kernel.asChar();
    if (!session)
        return fail("whorlPin: name a whorlDeformer or a whorlSample that has a pipeline");
    if (!find_kernel(*session, kernel_, info))
        return fail("whorlPin: there is no kernel '" + kernel_ + "' (whorlStatus lists those that run)");
    file_ = session->file;
    before_ = info.generation;
    pinned_before_ = info.pinned;
    generation_ = generation < 0 ? 0 : (unsigned)generation;
    return redoIt();
}

MStatus WhorlPin::use(unsigned generation, bool pin)
{
    const auto at = Session::all().find(file_);
    if (at == Session::all().end())
        return fail("whorlPin: " + file_ + " is not open any more");
    if (wh_generation_use(at->second->handle(), kernel_.c_str(), generation, pin) != WH_OK)
        return fail(std::string("whorlPin: ") + wh_last_error());
    at->second->look_again();
    whorl_tick();
    return MS::kSuccess;
}

MStatus WhorlPin::redoIt()
{
    return use(generation_, pin_ && generation_ != 0);
}

MStatus WhorlPin::undoIt()
{
    return use(before_, pinned_before_);
}

bool WhorlPin::isUndoable() const
{
    return true;
}

/* ---- whorlFill ---- */

MSyntax WhorlFill::syntax()
{
    MSyntax syntax;
    syntax.addFlag("-p", "-pipeline", MSyntax::kString);
    syntax.addFlag("-s", "-sampler", MSyntax::kString);
    syntax.addFlag("-n", "-name", MSyntax::kString);
    syntax.addFlag("-i", "-instance", MSyntax::kString);
    syntax.useSelectionAsDefault(true);
    syntax.setObjectType(MSyntax::kSelectionList, 1, 1);
    return syntax;
}

static bool find(const MString &name, MObject &node)
{
    MSelectionList list;
    return list.add(name) && list.getDependNode(0, node);
}

static MPlug plug_of(const MObject &node, const char *name)
{
    return MFnDependencyNode(node).findPlug(name, false);
}

MStatus WhorlFill::doIt(const MArgList &list)
{
    MStatus status;
    const MArgDatabase arguments(syntax(), list, &status);
    CHECK_MSTATUS_AND_RETURN_IT(status);
    MSelectionList selected;
    MObject mesh, shape;
    MString pipeline = default_pipeline.c_str(), sampler, name = "whorlFill1", instance;
    for (const auto &flag : {std::make_pair("-p", &pipeline), {"-s", &sampler}, {"-n", &name}, {"-i", &instance}})
        arguments.getFlagArgument(flag.first, 0, *flag.second);
    arguments.getObjects(selected);
    if (!selected.getDependNode(0, mesh) || !MFnDependencyNode(mesh).hasAttribute("outMesh"))
        return fail("whorlFill: name a mesh (the shape, not its transform)");
    if (instance.length() && (!find(instance, shape) || !MFnDependencyNode(shape).hasAttribute("matrix")))
        return fail(std::string("whorlFill: there is no object '") + instance.asChar() + "' to instance");

    const MObject node = change_.MDGModifier::createNode(WhorlSample::id);
    change_.renameNode(node, name);
    change_.connect(plug_of(mesh, "outMesh"), MPlug(node, WhorlSample::mesh));
    change_.connect(plug_of(mesh, "worldMatrix").elementByLogicalIndex(0), MPlug(node, WhorlSample::matrix));
    whorl::connect_time(node, WhorlSample::inputs.time, change_);
    change_.newPlugValueString(MPlug(node, WhorlSample::sampler), sampler);
    change_.newPlugValueString(MPlug(node, WhorlSample::inputs.file), pipeline);
    MObject instancer;
    if (!shape.isNull()) {
        instancer = change_.createNode("instancer");
        change_.connect(MPlug(node, WhorlSample::points), plug_of(instancer, "inputPoints"));
        change_.connect(plug_of(shape, "matrix"), plug_of(instancer, "inputHierarchy").elementByLogicalIndex(0));
    }
    status = redoIt();
    clearResult();
    appendToResult(MFnDependencyNode(node).name());
    if (!instancer.isNull())
        appendToResult(MFnDependencyNode(instancer).name());
    return status;
}

MStatus WhorlFill::redoIt()
{
    return change_.doIt();
}

MStatus WhorlFill::undoIt()
{
    return change_.undoIt();
}

bool WhorlFill::isUndoable() const
{
    return true;
}
