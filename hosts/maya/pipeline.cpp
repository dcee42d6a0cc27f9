#include "pipeline.h"
#include <algorithm>
#include <iostream>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MFnUnitAttribute.h>
#include <maya/MGlobal.h>
#include <maya/MIntArray.h>
#include <maya/MSelectionList.h>
#include <maya/MTime.h>
#include <thread>

namespace whorl
{
std::vector<Pipeline *> Pipeline::all;
static const std::thread::id main_thread = std::this_thread::get_id(); /* which loads the plug-in */

void Inputs::create(const std::vector<MObject> &affected)
{
    MFnTypedAttribute typed;
    MFnUnitAttribute unit;
    MFnNumericAttribute number;
    outputs = affected;
    file = typed.create("pipeline", "pl", MFnData::kString);
    typed.setUsedAsFilename(true);
    typed.setInternal(true); /* setInternalValue opens it */
    typed.setConnectable(false);
    time = unit.create("time", "tim", MFnUnitAttribute::kTime, 0);
    unit.setKeyable(true);
    generation = number.create("generation", "gen", MFnNumericData::kInt, 0);
    number.setHidden(true);
    number.setStorable(false);
    number.setConnectable(false);
    for (const MObject &input : {file, time, generation}) {
        MPxNode::addAttribute(input);
        for (const MObject &output : outputs)
            MPxNode::attributeAffects(input, output);
    }
}

MStatus Inputs::connect_time(const MObject &node, MDGModifier &change) const
{
    MSelectionList list;
    MObject clock;
    if (!list.add("time1") || !list.getDependNode(0, clock))
        return MS::kSuccess; /* then it stays where it is set */
    return change.connect(MFnDependencyNode(clock).findPlug("outTime", false), MPlug(node, time));
}

wh_view Cook::view(const float *position, size_t count, const std::vector<uint32_t> &triangles) const
{
    wh_view v = {};
    v.size = sizeof v;
    v.position = position;
    v.point_count = (uint32_t)count;
    v.triangle = triangles.data();
    v.triangle_count = (uint32_t)(triangles.size() / 3);
    v.setting = settings.data();
    v.setting_count = (uint32_t)settings.size();
    return v;
}

Pipeline::Pipeline(MPxNode &owner, const Inputs &inputs) : owner_(owner), inputs_(inputs)
{
}

Pipeline::~Pipeline()
{
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
}

void Pipeline::appear()
{
    handle_ = MObjectHandle(owner_.thisMObject());
    all.push_back(this);
}

MObject Pipeline::node() const
{
    return handle_.isValid() ? handle_.object() : MObject::kNullObj;
}

std::shared_ptr<Session> Pipeline::session() const
{
    return std::atomic_load(&session_);
}

void Pipeline::open(const std::string &file)
{
    const std::shared_ptr<Session> now = file.empty() ? nullptr : Session::open(file);
    std::atomic_store(&session_, now);
    serial_ = 0;
    tend(false); /* a scene that is being read makes its connections later */
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
    if (!s || node().isNull() || serial_ == s->serial)
        return;
    serial_ = s->serial;
    std::atomic_store(&layout_, layout_of(node(), *s, prune));
    {
        const std::lock_guard<std::mutex> lock(said_lock_);
        said_.clear();
    }
    MPlug(node(), inputs_.generation).setInt(serial_); /* dirties what depends on it */
}

void Pipeline::tend_all()
{
    const std::vector<Pipeline *> now = all;
    for (Pipeline *p : now)
        p->tend(true);
}

Cook Pipeline::begin(MDataBlock &block) const
{
    Cook cook = {session(), std::atomic_load(&layout_), {}, 0};
    if (!cook.session || !cook.session->runs || !cook.layout)
        return cook.session = nullptr, cook;
    cook.settings = cook.layout->read(block);
    cook.seconds = block.inputValue(inputs_.time).asTime().as(MTime::kSeconds);
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

void Pipeline::mark(const MPlug &plug, MPlugArray &affected) const
{
    for (size_t i = 0; plug.isDynamic() && i < inputs_.outputs.size(); i++) {
        const MPlug out(owner_.thisMObject(), inputs_.outputs[i]);
        if (!out.isArray())
            affected.append(out);
        for (unsigned k = 0; out.isArray() && k < out.numElements(); k++)
            affected.append(out.elementByPhysicalIndex(k));
    }
}

void Pipeline::read_triangles(const MObject &mesh, std::vector<uint32_t> &out)
{
    MIntArray counts, vertices;
    if (!mesh.isNull())
        MFnMesh(mesh).getTriangles(counts, vertices);
    out.resize(vertices.length());
    for (unsigned i = 0; i < vertices.length(); i++)
        out[i] = (uint32_t)vertices[i];
}
} // namespace whorl
