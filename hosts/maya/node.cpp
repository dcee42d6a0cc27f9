#include "node.h"
#include <algorithm>
#include <chrono>
#include <maya/MArrayDataHandle.h>
#include <maya/MColor.h>
#include <maya/MColorArray.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MFnUnitAttribute.h>
#include <maya/MGlobal.h>
#include <maya/MSelectionList.h>
#include <maya/MTime.h>

namespace whorl
{
std::map<std::string, Session> Node::sessions;
std::vector<Node *> Node::all_;

MStatus Node::add_inputs(const MObject &output)
{
    MFnTypedAttribute typed;
    MFnUnitAttribute unit;
    MFnNumericAttribute number;
    const MObject file = typed.create("pipeline", "pl", MFnData::kString);
    typed.setUsedAsFilename(true);
    typed.setInternal(true); /* setInternalValue opens it */
    typed.setConnectable(false);
    const MObject time = unit.create("time", "tim", MFnUnitAttribute::kTime, 0);
    unit.setKeyable(true);
    const MObject generation = number.create("generation", "gen", MFnNumericData::kInt, 0);
    number.setHidden(true);
    number.setStorable(false);
    number.setConnectable(false);
    for (const MObject &input : {file, time, generation}) {
        MPxNode::addAttribute(input);
        MPxNode::attributeAffects(input, output);
    }
    return MS::kSuccess;
}

void Node::connect_time(const MObject &node, MDGModifier &change)
{
    MSelectionList list;
    MPlug clock;
    if (list.add("time1.outTime") && list.getPlug(0, clock))
        change.connect(clock, MFnDependencyNode(node).findPlug("time", false));
}

Node::~Node()
{
    all_.erase(std::remove(all_.begin(), all_.end(), this), all_.end());
}

void Node::appear()
{
    handle_ = MObjectHandle(self_.thisMObject());
    all_.push_back(this);
}

bool Node::exists()
{
    return std::any_of(all_.begin(), all_.end(), [](const Node *n) { return n->handle_.isValid(); });
}

Session Node::session_of(const MObject &node)
{
    for (const Node *n : all_)
        if (n->handle_.isValid() && n->handle_.object() == node)
            return n->session_;
    return nullptr;
}

void Node::complain(const std::string &text) const
{
    const size_t now = std::hash<std::string>()(text);
    if (said_.exchange(now) != now) /* Maya shows what another thread says when it is idle */
        MGlobal::displayWarning(("whorl: " + std::string(self_.name().asChar()) + ": " + text).c_str());
}

void Node::open(const std::string &file)
{
    const auto found = sessions.find(file_ = file);
    session_ = found != sessions.end() ? found->second : nullptr;
    if (!session_ && !file.empty()) {
        wh_options options = {};
        wh_session *opened = nullptr;
        options.size = sizeof options;
        options.host = "maya";
        wh_open(file.c_str(), &options, &opened); /* what is wrong with the file is an event too */
        if (opened)
            sessions[file] = session_ = Session(opened, wh_close);
        else
            MGlobal::displayWarning((std::string("whorl: ") + wh_last_error()).c_str());
    }
    revision_ = UINT64_MAX;
    std::atomic_store(&layout_, std::shared_ptr<const Layout>());
    tend(false);
}

/* Brings the node up to date with its session. True: its results may be others. */
bool Node::tend(bool settle)
{
    static int generation;
    wh_event event = {};
    event.size = sizeof event;
    if (!session_ || !handle_.isValid())
        return false;
    const uint64_t revision = wh_poll(session_.get());
    while (wh_next_event(session_.get(), &event))
        if (event.kind == WH_EV_REJECTED)
            MGlobal::displayWarning((std::string("whorl: ") + event.text).c_str());
    const bool moved = revision != revision_;
    if (!moved && (settled_ || !settle))
        return false;
    revision_ = revision;
    settled_ = settle;
    said_ = 0;
    const MObject node = handle_.object();
    const bool runs = std::string(wh_plan_json(session_.get())) != "null";
    const auto layout = runs ? std::make_shared<const Layout>(node, session_, settle) : nullptr;
    std::atomic_store(&layout_, layout);
    if (layout && settle)
        layout->prune(node);
    MFnDependencyNode(node).findPlug("generation", false).setInt(++generation); /* dirties what depends on it */
    return moved;
}

/* A session is closed here, not by a cook that was the last to use it. */
bool Node::take_over(double seconds)
{
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    for (bool changed = false;; wh_wait(sessions.begin()->second.get(), 10)) {
        for (size_t i = 0; i < all_.size(); i++)
            changed |= all_[i]->tend(true);
        for (auto at = sessions.begin(); at != sessions.end();)
            at = at->second.use_count() < 2 ? sessions.erase(at) : std::next(at);
        if (changed || sessions.empty() || Clock::now() >= end)
            return changed;
    }
}

Cook::Cook(const Node &node, MDataBlock &block) : layout(std::atomic_load(&node.layout_))
{
    if (!layout)
        return;
    settings_ = layout->read(block);
    seconds = block.inputValue(layout->time).asTime().as(MTime::kSeconds);
    view.size = sizeof view;
    view.setting = settings_.data();
    view.setting_count = (uint32_t)settings_.size();
}

void Cook::look_at(const MObject &mesh, bool triangles)
{
    const MFnMesh fn(mesh);
    view.position = fn.getRawPoints(nullptr);
    view.point_count = (uint32_t)fn.numVertices();
    if (triangles && fn.getTriangles(counts_, triangles_) && triangles_.length()) {
        view.triangle = (const uint32_t *)&triangles_[0];
        view.triangle_count = triangles_.length() / 3;
    }
}

/* What was painted, else the luminance of a colour set of that name, else 1. */
static std::vector<float> read_map(MDataBlock &block, const Layout::Map &map, unsigned geometry, const MObject &mesh,
                                   unsigned count)
{
    MArrayDataHandle list = block.inputArrayValue(map.list);
    std::vector<float> weight(count, 1);
    bool painted = false;
    if (list.jumpToElement(geometry)) {
        MArrayDataHandle at(list.inputValue().child(map.weights));
        painted = at.elementCount() > 0;
        for (unsigned i = 0; i < at.elementCount(); i++, at.next())
            if (at.elementIndex() < count)
                weight[at.elementIndex()] = at.inputValue().asFloat();
    }
    MColorArray colors;
    MColor unset(1, 1, 1);
    const MString name = map.name.c_str();
    if (!painted && !mesh.isNull() && MFnMesh(mesh).getVertexColors(colors, &name, &unset) && colors.length() == count)
        for (unsigned i = 0; i < count; i++)
            weight[i] = 0.2126f * colors[i].r + 0.7152f * colors[i].g + 0.0722f * colors[i].b;
    return weight;
}

void Cook::read_maps(MDataBlock &block, unsigned geometry, const MObject &mesh)
{
    for (const Layout::Map &map : layout->maps) {
        maps_.push_back(read_map(block, map, geometry, mesh, view.point_count));
        attributes_.push_back({map.name.c_str(), maps_.back().data(), 0});
    }
    view.attribute = attributes_.data();
    view.attribute_count = (uint32_t)attributes_.size();
}
} // namespace whorl
