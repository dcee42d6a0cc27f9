#include "pipeline.h"
#include <algorithm>
#include <iostream>
#include <maya/MDataHandle.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MFnUnitAttribute.h>
#include <maya/MGlobal.h>
#include <maya/MIntArray.h>
#include <maya/MPlug.h>
#include <maya/MSelectionList.h>
#include <maya/MTime.h>
#include <thread>

namespace whorl
{
static std::vector<Pipeline *> pipelines; /* of nodes that are there, or in the hands of undo */
static const std::thread::id main_thread = std::this_thread::get_id(); /* which loads the plug-in */

void Inputs::create(const std::vector<MObject> &affected)
{
    MFnTypedAttribute typed;
    MFnUnitAttribute unit;
    MFnNumericAttribute number;
    file = typed.create("pipeline", "pl", MFnData::kString);
    typed.setUsedAsFilename(true);
    typed.setInternal(true); /* setInternalValue opens it */
    typed.setConnectable(false);
    time = unit.create("time", "tim", MFnUnitAttribute::kTime, 0);
    unit.setKeyable(true);
    metres = number.create("metresPerUnit", "mpu", MFnNumericData::kDouble, 1);
    number.setMin(1e-6);
    number.setMax(1e6);
    generation = number.create("generation", "gen", MFnNumericData::kInt, 0);
    number.setHidden(true);
    number.setStorable(false);
    number.setConnectable(false);
    for (const MObject &input : {file, time, metres, generation}) {
        MPxNode::addAttribute(input);
        for (const MObject &output : affected)
            MPxNode::attributeAffects(input, output);
    }
}

wh_view Cook::view(const float *position, size_t count, const std::vector<uint32_t> &triangles) const
{
    wh_view v = {};
    v.size = sizeof v;
    v.position = position;
    v.point_count = (uint32_t)count;
    v.triangle = triangles.empty() ? nullptr : triangles.data();
    v.triangle_count = (uint32_t)(triangles.size() / 3);
    v.setting = settings.data();
    v.setting_count = (uint32_t)settings.size();
    return v;
}

Pipeline::Pipeline(MPxNode &node, const Inputs &inputs) : owner_(node), inputs_(inputs)
{
}

Pipeline::~Pipeline()
{
    pipelines.erase(std::remove(pipelines.begin(), pipelines.end(), this), pipelines.end());
}

void Pipeline::appear()
{
    handle_ = MObjectHandle(owner_.thisMObject());
    pipelines.push_back(this);
}

MObject Pipeline::node() const
{
    return handle_.isValid() ? handle_.object() : MObject();
}

std::shared_ptr<Session> Pipeline::session() const
{
    return std::atomic_load(&session_);
}

const std::vector<Pipeline *> &Pipeline::all()
{
    return pipelines;
}

Pipeline *Pipeline::of(const MObject &node)
{
    for (Pipeline *p : pipelines)
        if (p->node() == node)
            return p;
    return nullptr;
}

void Pipeline::open(const std::string &file)
{
    const std::shared_ptr<Session> now = file.empty() ? nullptr : Session::open(file);
    std::atomic_store(&session_, now);
    serial_ = 0;
    tend(false);
    if (now && !now->runs)
        complain(now->message);
}

void Pipeline::tend(bool prune)
{
    std::string waits;
    {
        const std::lock_guard<std::mutex> lock(said_lock_);
        waits.swap(pending_);
    }
    if (!waits.empty())
        MGlobal::displayWarning(waits.c_str());
    const std::shared_ptr<Session> s = session();
    if (!s || node().isNull())
        return;
    const double metres = MPlug(node(), inputs_.metres).asDouble();
    if (serial_ == s->serial && metres_ == metres)
        return;
    serial_ = s->serial;
    metres_ = metres;
    std::atomic_store(&layout_, layout_of(node(), *s, metres, prune));
    {
        const std::lock_guard<std::mutex> lock(said_lock_);
        said_.clear();
    }
    MPlug(node(), inputs_.generation).setInt(serial_); /* dirties what depends on it */
}

void Pipeline::tend_all(bool prune)
{
    const std::vector<Pipeline *> all = pipelines;
    for (Pipeline *p : all)
        p->tend(prune);
}

Cook Pipeline::begin(MDataBlock &block) const
{
    Cook cook;
    cook.session = session();
    cook.layout = std::atomic_load(&layout_);
    if (!cook.session || !cook.session->runs || !cook.layout) {
        cook.session = nullptr;
        return cook;
    }
    cook.settings = cook.layout->read(block);
    cook.seconds = block.inputValue(inputs_.time).asTime().as(MTime::kSeconds);
    cook.metres = block.inputValue(inputs_.metres).asDouble();
    return cook;
}

void Pipeline::complain(const std::string &text)
{
    const std::string line = "whorl: " + std::string(owner_.name().asChar()) + ": " + text;
    const std::lock_guard<std::mutex> lock(said_lock_);
    if (said_ == text)
        return;
    said_ = text;
    if (std::this_thread::get_id() == main_thread)
        MGlobal::displayWarning(line.c_str());
    else if (MGlobal::mayaState() == MGlobal::kInteractive)
        pending_ = line; /* the timer says it */
    else
        std::cerr << line << std::endl;
}

void Pipeline::mark(const MPlug &plug, const MObject &output, MPlugArray &affected) const
{
    if (!plug.isDynamic())
        return;
    const MPlug out(owner_.thisMObject(), output);
    if (!out.isArray())
        affected.append(out);
    for (unsigned i = 0; out.isArray() && i < out.numElements(); i++)
        affected.append(out.elementByPhysicalIndex(i));
}

/* ---- what nodes do with geometry ---- */

MStatus connect_time(const MObject &node, const MObject &attribute, MDGModifier &change)
{
    MSelectionList list;
    MObject clock;
    if (!list.add("time1") || !list.getDependNode(0, clock))
        return MS::kSuccess; /* then it stays where it is set */
    return change.connect(MFnDependencyNode(clock).findPlug("outTime", false), MPlug(node, attribute));
}

void read_triangles(const MObject &mesh, std::vector<uint32_t> &out)
{
    out.clear();
    if (mesh.isNull())
        return;
    MIntArray counts, vertices;
    MFnMesh(mesh).getTriangles(counts, vertices);
    out.resize(vertices.length());
    for (unsigned i = 0; i < vertices.length(); i++)
        out[i] = (uint32_t)vertices[i];
}

const float *scaled(const float *values, size_t count, double metres, std::vector<float> &copy)
{
    if (metres == 1)
        return values;
    copy.resize(count);
    std::transform(values, values + count, copy.begin(), [metres](float v) { return (float)(v * metres); });
    return copy.data();
}
} // namespace whorl
