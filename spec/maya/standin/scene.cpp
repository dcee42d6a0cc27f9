/* scene.cpp - nodes, connections, evaluation, undo, commands, plug-ins and messages of the stand-in. */
#include "graph.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>

using namespace standin;

std::recursive_mutex standin::graph_lock;
Sharing standin::sharing = kNever;

namespace
{
struct Timer {
    float period;
    MMessage::MElapsedTimeFunction function;
    void *data;
    double due;
};

struct Command {
    MCreatorFunction *create;
    MCreateSyntaxFunction *syntax;
};

std::map<std::string, std::unique_ptr<NodeType>> types;
std::map<std::string, std::shared_ptr<Node>> nodes;
std::map<std::string, Command> commands;
std::map<MCallbackId, Timer> timer_list;
std::map<std::string, unsigned> event_counts;
std::vector<std::string> said_list;
std::vector<std::unique_ptr<MPxCommand>> done_list, undone_list;
std::mutex said_lock;
std::string result_text, loading;
MCallbackId next_id = 1;
std::atomic<unsigned> failure_count;
std::atomic<double> deform_time;
bool in_batch;
double now;
Node *being_made;    /* whose user part is under construction */
NodeType *described; /* whose attributes initialize() adds */
} // namespace

static void answer(MStatus *status, MStatus with = MS::kSuccess)
{
    if (status)
        *status = with;
}

static MStatus status_of(bool done)
{
    return done ? MS::kSuccess : MS::kFailure;
}

void standin::say(const std::string &text)
{
    const std::lock_guard<std::mutex> lock(said_lock);
    said_list.push_back(text);
}

std::vector<std::string> standin::take_said()
{
    const std::lock_guard<std::mutex> lock(said_lock);
    return std::move(said_list);
}

/* ---- types that Maya has ---- */

MObject MPxGeometryFilter::input, MPxGeometryFilter::inputGeom, MPxGeometryFilter::outputGeom,
    MPxGeometryFilter::envelope, MPxDeformerNode::weightList, MPxDeformerNode::weights;

static std::vector<std::shared_ptr<Attribute>> deformer_attributes;

static MObject geometry(const char *name, const char *brief, bool array)
{
    MFnTypedAttribute typed;
    const MObject made = typed.create(name, brief, MFnData::kMesh);
    typed.setArray(array);
    return made;
}

static NodeType &plain_type(const char *name, std::vector<MObject> attributes)
{
    auto &type = types[name];
    type = std::make_unique<NodeType>();
    type->name = name;
    for (const MObject &a : attributes)
        type->attribute.push_back(attribute_of(a));
    return *type;
}

static bool make_types()
{
    MFnCompoundAttribute compound;
    MFnNumericAttribute number;
    MFnUnitAttribute unit;
    MFnTypedAttribute typed;
    MFnMatrixAttribute matrix;
    MPxGeometryFilter::inputGeom = geometry("inputGeometry", "ig", false);
    MPxGeometryFilter::input = compound.create("input", "ip");
    compound.addChild(MPxGeometryFilter::inputGeom);
    compound.setArray(true);
    MPxGeometryFilter::outputGeom = geometry("outputGeometry", "og", true);
    MPxGeometryFilter::envelope = number.create("envelope", "en", MFnNumericData::kFloat, 1);
    MPxDeformerNode::weights = number.create("weights", "w", MFnNumericData::kFloat, 1);
    number.setArray(true);
    MPxDeformerNode::weightList = compound.create("weightList", "wl");
    compound.addChild(MPxDeformerNode::weights);
    compound.setArray(true);
    for (const MObject &a : {MPxGeometryFilter::input, MPxGeometryFilter::outputGeom, MPxGeometryFilter::envelope,
                             MPxDeformerNode::weightList})
        deformer_attributes.push_back(attribute_of(a));
    const MObject points = typed.create("inputPoints", "inp", MFnData::kDynArrayAttrs);
    const MObject shapes = matrix.create("inputHierarchy", "inh");
    matrix.setArray(true);
    plain_type("instancer", {points, shapes});
    const MObject world = matrix.create("worldMatrix", "wm");
    matrix.setArray(true);
    plain_type("mesh", {geometry("outMesh", "o", false), geometry("worldMesh", "w", true), world});
    plain_type("transform", {matrix.create("matrix", "m")});
    plain_type("time", {unit.create("outTime", "o", MFnUnitAttribute::kTime)});
    plain_type("animCurve", {number.create("output", "o", MFnNumericData::kDouble)});
    return true;
}

static NodeType *find_type(const std::string &name)
{
    static const bool made = make_types();
    (void)made;
    const auto at = types.find(name);
    return at == types.end() ? nullptr : at->second.get();
}

/* ---- nodes ---- */

Node::~Node()
{
    delete user;
}

MPxNode::MPxNode() : node(being_made)
{
    if (!being_made)
        misuse("a node was made by itself");
}

MPxNode::~MPxNode() = default;

MObject MPxNode::thisMObject() const
{
    return MObject(node->weak_from_this().lock());
}

MString MPxNode::name() const
{
    return node->name.c_str();
}

MStatus MPxNode::addAttribute(const MObject &attribute)
{
    if (!described || attribute.isNull())
        return MS::kFailure;
    described->attribute.push_back(attribute_of(attribute));
    return MS::kSuccess;
}

static const Attribute *root_of(const MObject &attribute)
{
    const Attribute *a = attribute_of(attribute).get();
    while (a->parent)
        a = a->parent;
    return a;
}

MStatus MPxNode::attributeAffects(const MObject &when, const MObject &affected)
{
    if (!described)
        return MS::kFailure;
    described->affects.emplace(root_of(when), root_of(affected));
    return MS::kSuccess;
}

static std::string free_name(const std::string &wanted)
{
    std::string name = wanted;
    for (int i = 1; nodes.count(name); i++)
        name = wanted + std::to_string(i);
    return name;
}

static std::shared_ptr<Node> make_node(NodeType &type, const std::string &name)
{
    const auto node = std::make_shared<Node>(MFn::kDependencyNode);
    node->name = free_name(name.empty() ? type.name + "1" : name);
    node->kind = &type;
    for (const auto &a : type.attribute)
        (*node->values)[a.get()] = make_value(*a);
    nodes[node->name] = node;
    if (type.create) {
        being_made = node.get();
        node->user = static_cast<MPxNode *>(type.create());
        being_made = nullptr;
        node->user->postConstructor();
    }
    return node;
}

MObject standin::create_node(const std::string &type, const std::string &name)
{
    NodeType *found = find_type(type);
    return found ? MObject(make_node(*found, name)) : MObject();
}

static std::shared_ptr<Attribute> copy_of(const Attribute &from, Attribute *parent)
{
    const auto a = std::make_shared<Attribute>(from.type);
    a->name = from.name, a->brief = from.brief, a->nice = from.nice, a->unit = from.unit;
    a->init = from.init.load(), a->min = from.min.load(), a->max = from.max.load();
    a->array = from.array, a->keyable = from.keyable, a->dynamic = from.dynamic;
    a->field = from.field, a->category = from.category, a->parent = parent;
    for (const auto &child : from.child)
        a->child.push_back(copy_of(*child, a.get()));
    return a;
}

/* Dynamic attributes and numbers come along, as they do in Maya. */
MObject standin::duplicate_node(const MObject &object)
{
    const auto from = node_of(object), to = make_node(*from->kind, from->name + "Copy");
    for (const auto &a : from->kind->attribute)
        (*to->values)[a.get()] = (*from->values)[a.get()];
    for (const auto &a : from->dynamic) {
        to->dynamic.push_back(copy_of(*a, nullptr));
        (*to->values)[to->dynamic.back().get()] = make_value(*a);
        (*to->values)[to->dynamic.back().get()].number = (*from->values)[a.get()].number;
    }
    if (to->user)
        to->user->copyInternalData(from->user);
    return MObject(to);
}

static void hide_node(const std::shared_ptr<Node> &node)
{
    const Lock lock(graph_lock);
    node->deleted = true;
    nodes.erase(node->name);
}

static void show_node(const std::shared_ptr<Node> &node)
{
    const Lock lock(graph_lock);
    node->deleted = false;
    nodes[node->name] = node;
}

static void drop_connections(const std::shared_ptr<Node> &node)
{
    node->incoming.clear();
    for (const auto &other : nodes) {
        auto &list = other.second->incoming;
        list.erase(std::remove_if(list.begin(), list.end(), [&](const Connection &c) { return c.from->node == node; }),
                   list.end());
    }
}

void standin::delete_node(const MObject &node)
{
    drop_connections(node_of(node));
    hide_node(node_of(node));
}

void standin::new_scene()
{
    done_list.clear();
    undone_list.clear();
    const auto all = nodes;
    for (const auto &node : all)
        delete_node(MObject(node.second));
}

MObject standin::find_node(const std::string &name)
{
    const auto at = nodes.find(name);
    return at == nodes.end() ? MObject() : MObject(at->second);
}

static std::shared_ptr<Attribute> find_attribute(const std::vector<std::shared_ptr<Attribute>> &in,
                                                 const std::string &name)
{
    for (const auto &a : in) {
        if (a->name == name || a->brief == name)
            return a;
        const auto below = find_attribute(a->child, name);
        if (below)
            return below;
    }
    return nullptr;
}

static std::shared_ptr<Attribute> find_attribute(const Node &node, const std::string &name)
{
    const auto own = find_attribute(node.kind->attribute, name);
    return own ? own : find_attribute(node.dynamic, name);
}

/* "input[0].inputGeometry" */
MPlug standin::plug(const MObject &object, const std::string &name)
{
    const auto node = node_of(object);
    Plug plug{node, {}};
    size_t at = 0;
    while (node && at < name.size()) {
        const size_t end = std::min(name.find('.', at), name.size());
        const std::string word = name.substr(at, end - at);
        const size_t bracket = word.find('[');
        const auto a = find_attribute(*node, word.substr(0, bracket));
        if (!a)
            return MPlug();
        plug.path.push_back({a, bracket == word.npos ? -1 : atol(word.c_str() + bracket + 1)});
        at = end + 1;
    }
    return plug.path.empty() ? MPlug() : MPlug(plug);
}

/* ---- dirt ---- */

static void mark_output(Node &node, const Attribute *output);

void standin::mark_dirty(Node &node, const Attribute *root)
{
    if (!node.kind)
        return;
    const auto range = node.kind->affects.equal_range(root);
    for (auto at = range.first; at != range.second; ++at)
        mark_output(node, at->second);
    const bool filter = node.kind->deformer && find_attribute(deformer_attributes, root->name).get() == root;
    if (filter && root != root_of(MPxGeometryFilter::outputGeom))
        mark_output(node, root_of(MPxGeometryFilter::outputGeom));
    if (!node.user || !node.weak_from_this().lock())
        return;
    MPlugArray affected;
    MPlug plug(MObject(node.weak_from_this().lock()), MObject(const_cast<Attribute *>(root)->shared_from_this()));
    node.user->setDependentsDirty(plug, affected);
    for (unsigned i = 0; i < affected.length(); i++)
        mark_output(node, affected[i].plug->path[0].attribute.get());
}

static void mark_output(Node &node, const Attribute *output)
{
    for (auto at = node.clean.begin(); at != node.clean.end();)
        if (at->first == output)
            at = node.clean.erase(at);
        else
            ++at;
    for (const auto &other : nodes)
        for (const Connection &c : other.second->incoming)
            if (c.from->node.get() == &node && c.from->path[0].attribute.get() == output)
                mark_dirty(*other.second, c.to[0].attribute.get());
}

bool standin::set_value(const Plug &plug, const std::function<void(Value &)> &write)
{
    const Attribute *leaf = plug.leaf();
    if (MPlug(plug).isDestination())
        return false;
    if (leaf->internal && plug.node->user) {
        Value wanted = make_value(*leaf);
        write(wanted);
        if (plug.node->user->setInternalValue(MPlug(plug), MDataHandle(&wanted, leaf)))
            return true;
    }
    const Lock lock(graph_lock);
    Value *v = find_value(*plug.node->values, plug.path, true);
    write(*v);
    mark_dirty(*plug.node, plug.path[0].attribute.get());
    return true;
}

bool standin::connect(const MPlug &source, const MPlug &destination)
{
    const Lock lock(graph_lock);
    if (source.isNull() || destination.isNull() || destination.isDestination())
        return false;
    find_value(*destination.plug->node->values, destination.plug->path, true);
    destination.plug->node->incoming.push_back({destination.plug->path, source.plug});
    mark_dirty(*destination.plug->node, destination.plug->path[0].attribute.get());
    return true;
}

bool standin::disconnect(const MPlug &destination)
{
    const Lock lock(graph_lock);
    auto &list = destination.plug->node->incoming;
    const auto at =
        std::find_if(list.begin(), list.end(), [&](const Connection &c) { return c.to == destination.plug->path; });
    if (at == list.end())
        return false;
    list.erase(at);
    mark_dirty(*destination.plug->node, destination.plug->path[0].attribute.get());
    return true;
}

MObject standin::key(const MPlug &plug, double value)
{
    const MObject curve = create_node("animCurve");
    standin::plug(curve, "output").setDouble(value);
    connect(standin::plug(curve, "output"), plug);
    return curve;
}

/* ---- evaluation ---- */

static void pull(Node &node)
{
    std::vector<Connection> incoming;
    {
        const Lock lock(graph_lock);
        incoming = node.incoming;
    }
    for (const Connection &c : incoming) {
        Value v = get_value(*c.from);
        const Lock lock(graph_lock);
        *find_value(*node.values, c.to, true) = std::move(v);
    }
}

static std::shared_ptr<Values> copy_values(Node &node)
{
    const Lock lock(graph_lock);
    return std::make_shared<Values>(*node.values);
}

static MStatus compute_on(Node &node, const Plug &output, const std::shared_ptr<Values> &values)
{
    MDataBlock block(values);
    const MStatus status = node.user->compute(MPlug(output), block);
    if (status != MS::kSuccess)
        failure_count++;
    return status;
}

static bool is_output(const Node &node, const Attribute *root)
{
    for (const auto &pair : node.kind->affects)
        if (pair.second == root)
            return true;
    return node.kind->deformer && root == root_of(MPxGeometryFilter::outputGeom);
}

Value standin::get_value(const Plug &plug)
{
    const auto key = std::make_pair((const Attribute *)plug.path[0].attribute.get(), plug.path[0].index);
    Node &node = *plug.node;
    pull(node);
    bool dirty;
    {
        const Lock lock(graph_lock);
        dirty = node.user && is_output(node, key.first) && !node.clean.count(key);
        if (dirty)
            node.clean.insert(key);
    }
    if (dirty) {
        const auto values = copy_values(node);
        compute_on(node, plug, values);
        const Lock lock(graph_lock);
        *find_value(*node.values, {plug.path[0]}, true) = *find_value(*values, {plug.path[0]}, true);
    }
    const Lock lock(graph_lock);
    return *find_value(*node.values, plug.path, true);
}

/* What the base class of Maya's deformers does: the output becomes a copy of the input, and deform() moves its points.
 */
MStatus MPxGeometryFilter::compute(const MPlug &plug, MDataBlock &block)
{
    if (root_of(plug.attribute()) != root_of(outputGeom) || plug.plug->path[0].index < 0)
        return MS::kUnknownParameter;
    const unsigned index = (unsigned)plug.plug->path[0].index;
    Values &values = *static_cast<Values *>(block.values.get());
    Value *in = find_value(values, {{attribute_of(input), (long)index}, {attribute_of(inputGeom), -1}}, true);
    Value *out = find_value(values, {{attribute_of(outputGeom), (long)index}}, true);
    const auto mesh = std::dynamic_pointer_cast<MeshData>(in->data);
    if (!mesh)
        return MS::kFailure;
    const auto copy = std::make_shared<MeshData>(mesh->type);
    copy->mesh = mesh->mesh;
    copy->colors = mesh->colors;
    if (sharing != kNever) {
        copy->mesh.points.clear();
        copy->lender = mesh;
    } else {
        copy->mesh.points = mesh->points();
    }
    out->data = copy;
    std::vector<unsigned> members;
    {
        const Lock lock(graph_lock);
        members = node->members[index];
    }
    MItGeometry iterator(*copy, members.empty() ? nullptr : &members);
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const MStatus status = deform(block, iterator, MMatrix(), index);
    deform_time = std::chrono::duration<double>(Clock::now() - began).count();
    if (!copy->moved && copy->points() != mesh->points())
        misuse("points moved, and Maya was not told");
    return status;
}

static Value *weight_of(MDataBlock &block, unsigned geometry, unsigned point)
{
    Values &values = *static_cast<Values *>(block.values.get());
    return find_value(values,
                      {{attribute_of(MPxDeformerNode::weightList), (long)geometry},
                       {attribute_of(MPxDeformerNode::weights), (long)point}},
                      false);
}

float MPxDeformerNode::weightValue(MDataBlock &block, unsigned int geometry, unsigned int component)
{
    const Value *v = weight_of(block, geometry, component);
    return v ? (float)v->number : 1;
}

#if MAYA_API_VERSION >= 20240000
static size_t point_count(MDataBlock &block, unsigned geometry)
{
    Values &values = *static_cast<Values *>(block.values.get());
    const Value *out = find_value(values, {{attribute_of(MPxGeometryFilter::outputGeom), (long)geometry}}, true);
    return static_cast<MeshData &>(*out->data).points().size() / 3;
}

const float *MPxDeformerNode::envelopeWeights(MDataBlock &block, unsigned int geometry, unsigned int *count)
{
    Values &values = *static_cast<Values *>(block.values.get());
    const Value *list =
        find_value(values, {{attribute_of(weightList), (long)geometry}, {attribute_of(weights), -1}}, false);
    static thread_local std::vector<float> kept;
    kept.clear();
    if (!list || list->element.empty())
        return nullptr;
    const auto &affected = indexMapper(geometry);
    const unsigned size = affected.isIdentityMap() ? (unsigned)point_count(block, geometry) : affected.affectCount();
    for (unsigned i = 0; i < size; i++)
        kept.push_back(weightValue(block, geometry, affected.affectToFull(i)));
    if (count)
        *count = size;
    return kept.data();
}

const MIndexMapper &MPxDeformerNode::indexMapper(unsigned int geometry, MStatus *status) const
{
    static thread_local MIndexMapper mapper;
    const Lock lock(graph_lock);
    mapper.affected = node->members[geometry];
    mapper.identity = mapper.affected.empty();
    answer(status);
    return mapper;
}
#endif

static Path output_path(unsigned geometry)
{
    return {{attribute_of(MPxGeometryFilter::outputGeom), (long)geometry}};
}

static Mesh mesh_of(const Value &v)
{
    const auto mesh = std::dynamic_pointer_cast<MeshData>(v.data);
    return mesh ? Mesh{mesh->points(), mesh->mesh.counts, mesh->mesh.vertices} : Mesh();
}

Mesh standin::evaluate(const MObject &deformer, unsigned geometry)
{
    return mesh_of(get_value(Plug{node_of(deformer), output_path(geometry)}));
}

bool standin::evaluate_in_context(const MObject &deformer, unsigned geometry, Mesh &out)
{
    const auto node = node_of(deformer);
    pull(*node);
    const auto values = copy_values(*node);
    const Plug plug{node, output_path(geometry)};
    if (compute_on(*node, plug, values) != MS::kSuccess)
        return false;
    out = mesh_of(*find_value(*values, plug.path, true));
    return true;
}

unsigned standin::failures()
{
    return failure_count;
}

double standin::deform_seconds()
{
    return deform_time;
}

/* ---- what a scenario makes ---- */

static std::shared_ptr<MeshData> mesh_data(const MObject &node)
{
    return std::static_pointer_cast<MeshData>(plug(node, "outMesh").asMObject().ref);
}

static void put_mesh(const MObject &node, const std::shared_ptr<MeshData> &data)
{
    plug(node, "outMesh").setMObject(MObject(data));
    plug(node, "worldMesh[0]").setMObject(MObject(data));
    const Lock lock(graph_lock);
    for (const char *name : {"outMesh", "worldMesh"})
        mark_output(*node_of(node), find_attribute(*node_of(node), name).get());
}

static MObject create_shape(const std::string &name, const Mesh &mesh, MFn::Type type)
{
    const MObject node = create_node("mesh", name);
    const auto data = std::make_shared<MeshData>(type);
    data->mesh = mesh;
    put_mesh(node, data);
    set_matrix(node, MMatrix());
    return node;
}

MObject standin::create_mesh(const std::string &name, const Mesh &mesh)
{
    return create_shape(name, mesh, MFn::kMeshData);
}

MObject standin::create_curve(const std::string &name, const std::vector<float> &points)
{
    return create_shape(name, {points, {}, {}}, MFn::kNurbsCurveData);
}

void standin::set_mesh(const MObject &node, const Mesh &mesh)
{
    const auto data = std::make_shared<MeshData>(*mesh_data(node));
    data->mesh = mesh;
    put_mesh(node, data);
}

void standin::set_color_set(const MObject &node, const std::string &name, const std::vector<MColor> &colors)
{
    const auto data = std::make_shared<MeshData>(*mesh_data(node));
    data->colors[name] = colors;
    put_mesh(node, data);
}

void standin::set_matrix(const MObject &node, const MMatrix &matrix)
{
    set_value(*plug(node, "worldMatrix[0]").plug, [&](Value &v) { *v.matrix() = matrix; });
    const Lock lock(graph_lock);
    mark_output(*node_of(node), find_attribute(*node_of(node), "worldMatrix").get());
}

MObject standin::apply_deformer(const std::string &type, const std::vector<MObject> &meshes, const std::string &name)
{
    const MObject node = create_node(type, name);
    if (node.isNull())
        return node;
    for (size_t i = 0; i < meshes.size(); i++)
        connect(plug(meshes[i], "outMesh"), plug(node, "input[" + std::to_string(i) + "].inputGeometry"));
    MDagModifier modifier;
    static_cast<MPxGeometryFilter *>(node_of(node)->user)->accessoryNodeSetup(modifier);
    modifier.doIt();
    return node;
}

void standin::set_members(const MObject &deformer, unsigned geometry, const std::vector<unsigned> &members)
{
    const Lock lock(graph_lock);
    node_of(deformer)->members[geometry] = members;
    mark_output(*node_of(deformer), root_of(MPxGeometryFilter::outputGeom));
}

void standin::set_weight(const MObject &deformer, unsigned geometry, unsigned point, float weight)
{
    plug(deformer, "weightList[" + std::to_string(geometry) + "].weights[" + std::to_string(point) + "]")
        .setDouble(weight);
}

/* ---- function sets of nodes ---- */

MFnDependencyNode::MFnDependencyNode(const MObject &object, MStatus *status)
{
    answer(status, setObject(object));
}

MString MFnDependencyNode::name(MStatus *status) const
{
    answer(status);
    return node_of(object_)->name.c_str();
}

/* Children count too, each behind its parent. */
static void list_attributes(const std::vector<std::shared_ptr<Attribute>> &from, std::vector<MObject> &to)
{
    for (const auto &a : from) {
        to.emplace_back(a);
        list_attributes(a->child, to);
    }
}

static std::vector<MObject> all_attributes(const MObject &node)
{
    std::vector<MObject> list;
    list_attributes(node_of(node)->kind->attribute, list);
    list_attributes(node_of(node)->dynamic, list);
    return list;
}

unsigned int MFnDependencyNode::attributeCount(MStatus *status) const
{
    answer(status);
    return (unsigned)all_attributes(object_).size();
}

MObject MFnDependencyNode::attribute(unsigned int index, MStatus *status) const
{
    answer(status);
    return all_attributes(object_)[index];
}

MObject MFnDependencyNode::attribute(const MString &name, MStatus *status) const
{
    const auto a = find_attribute(*node_of(object_), name.asChar());
    answer(status, status_of(a != nullptr));
    return a ? MObject(a) : MObject();
}

bool MFnDependencyNode::hasAttribute(const MString &name, MStatus *status) const
{
    answer(status);
    return !attribute(name).isNull();
}

MPlug MFnDependencyNode::findPlug(const MString &name, bool, MStatus *status) const
{
    const MObject a = attribute(name, status);
    return a.isNull() ? MPlug() : MPlug(object_, a);
}

/* ---- changes that can be undone ---- */

struct standin::Edits {
    struct Edit {
        std::function<bool()> apply;
        std::function<void()> revert;
    };
    std::vector<Edit> list;
    size_t done = 0;
    MStatus add(std::function<bool()> apply, std::function<void()> revert)
    {
        list.push_back({std::move(apply), std::move(revert)});
        return MS::kSuccess;
    }
};

MDGModifier::MDGModifier() : edits_(std::make_unique<Edits>())
{
}

MDGModifier::~MDGModifier() = default;

MObject MDGModifier::createNode(const MString &type, MStatus *status)
{
    const MObject made = create_node(type.asChar());
    answer(status, status_of(!made.isNull()));
    if (made.isNull())
        return made;
    const auto node = node_of(made);
    hide_node(node); /* until doIt */
    edits_->add([node] { return show_node(node), true; }, [node] { hide_node(node); });
    return made;
}

MObject MDagModifier::createNode(const MString &type, MObject, MStatus *status)
{
    return MDGModifier::createNode(type, status);
}

MStatus MDGModifier::connect(const MPlug &source, const MPlug &destination)
{
    return edits_->add([=] { return standin::connect(source, destination); },
                       [=] { standin::disconnect(destination); });
}

static void add_dynamic(Node &node, const std::shared_ptr<Attribute> &a)
{
    const Lock lock(graph_lock);
    a->dynamic = true;
    node.dynamic.push_back(a);
    (*node.values)[a.get()] = make_value(*a);
}

static void remove_dynamic(Node &node, const std::shared_ptr<Attribute> &a)
{
    const Lock lock(graph_lock);
    node.dynamic.erase(std::remove(node.dynamic.begin(), node.dynamic.end(), a), node.dynamic.end());
    node.values->erase(a.get());
}

MStatus MFnDependencyNode::addAttribute(const MObject &attribute)
{
    const auto node = node_of(object_);
    const auto a = attribute_of(attribute);
    if (node->locked)
        return MS::kFailure;
    for (const std::string &name : {a->name, a->brief})
        if (find_attribute(*node, name))
            return say("error: " + node->name + " has an attribute " + name), MS::kFailure;
    add_dynamic(*node, a);
    return MS::kSuccess;
}

MStatus MFnDependencyNode::removeAttribute(const MObject &attribute)
{
    const auto node = node_of(object_);
    const auto a = attribute_of(attribute);
    if (node->locked)
        return MS::kFailure;
    for (const Connection &c : node->incoming)
        if (c.to[0].attribute == a)
            misuse(a->name + " was removed while it was connected");
    remove_dynamic(*node, a);
    return MS::kSuccess;
}

MStatus MDGModifier::renameAttribute(const MObject &, const MObject &attribute, const MString &brief,
                                     const MString &name)
{
    const auto a = attribute_of(attribute);
    const std::string old_brief = a->brief, old_name = a->name, new_brief = brief.asChar(), new_name = name.asChar();
    return edits_->add([=] { return a->brief = new_brief, a->name = new_name, true; },
                       [=] { a->brief = old_brief, a->name = old_name; });
}

MStatus MDGModifier::newPlugValueString(const MPlug &plug, const MString &value)
{
    const MString before = plug.asString();
    return edits_->add([=] { return MPlug(plug).setString(value) == MS::kSuccess; },
                       [=] { MPlug(plug).setString(before); });
}

MStatus MDGModifier::doIt()
{
    bool good = true;
    for (; good && edits_->done < edits_->list.size(); edits_->done += good)
        good = edits_->list[edits_->done].apply();
    return status_of(good);
}

MStatus MDGModifier::undoIt()
{
    while (edits_->done > 0)
        edits_->list[--edits_->done].revert();
    return MS::kSuccess;
}

/* ---- commands ---- */

MStatus MSelectionList::add(const MString &name)
{
    const std::string text = name.asChar();
    const size_t dot = text.find('.');
    const MObject node = find_node(text.substr(0, dot));
    if (node.isNull())
        return MS::kInvalidParameter;
    Plug whole{node_of(node), {}};
    item.push_back(dot == text.npos ? MPlug(whole) : plug(node, text.substr(dot + 1)));
    return status_of(!item.back().isNull());
}

MStatus MSelectionList::getDependNode(unsigned int index, MObject &node) const
{
    if (index >= item.size())
        return MS::kFailure;
    node = item[index].node();
    return MS::kSuccess;
}

MStatus MSelectionList::getPlug(unsigned int index, MPlug &plug) const
{
    if (index >= item.size() || item[index].plug->path.empty())
        return MS::kFailure;
    plug = item[index];
    return MS::kSuccess;
}

/* Flags are no longer than three letters for short and no shorter than four for long, as Maya has it. */
MStatus MSyntax::addFlag(const char *brief, const char *full, MArgType type)
{
    if (strlen(brief) < 2 || strlen(brief) > 4 || strlen(full) < 5 || brief[0] != '-' || full[0] != '-')
        return MS::kFailure;
    flag.push_back({brief + 1, full + 1, type});
    return MS::kSuccess;
}

void MSyntax::setObjectType(MObjectFormat, unsigned int fewest, unsigned int greatest)
{
    least = fewest, most = greatest;
}

void MSyntax::useSelectionAsDefault(bool)
{
}

void MSyntax::enableQuery(bool supports)
{
    query = supports;
}

MArgDatabase::MArgDatabase(const MSyntax &syntax, const MArgList &list, MStatus *status) : syntax_(syntax)
{
    bool good = true;
    for (size_t i = 0; good && i < list.word.size(); i++) {
        const std::string &word = list.word[i];
        if (word[0] != '-' || (word.size() > 1 && isdigit((unsigned char)word[1]))) {
            object_.push_back(word);
        } else if ((word == "-q" || word == "-query") && syntax.query) {
            query_ = true;
        } else {
            const auto at = std::find_if(syntax.flag.begin(), syntax.flag.end(), [&](const MSyntax::Flag &f) {
                return f.brief == word.substr(1) || f.full == word.substr(1);
            });
            good = at != syntax.flag.end();
            const bool valued = good && at->type != MSyntax::kNoArg && !query_;
            good = good && !(valued && i + 1 >= list.word.size());
            if (good)
                set_.emplace_back(at->full, valued ? list.word[++i] : "");
        }
    }
    good = good && object_.size() >= syntax.least && object_.size() <= syntax.most;
    answer(status, status_of(good));
}

const std::string *MArgDatabase::find(const char *flag) const
{
    const std::string name = flag + (flag[0] == '-');
    for (const auto &pair : set_) {
        const auto at = std::find_if(syntax_.flag.begin(), syntax_.flag.end(),
                                     [&](const MSyntax::Flag &f) { return f.full == pair.first; });
        if (at->brief == name || at->full == name)
            return &pair.second;
    }
    return nullptr;
}

bool MArgDatabase::isFlagSet(const char *flag, MStatus *status) const
{
    answer(status);
    return find(flag);
}

bool MArgDatabase::isQuery(MStatus *status) const
{
    answer(status);
    return query_;
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, MString &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = found->c_str();
    return status_of(found);
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, int &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = atoi(found->c_str());
    return status_of(found);
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, double &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = atof(found->c_str());
    return status_of(found);
}

MStatus MArgDatabase::getObjects(MSelectionList &list) const
{
    for (const std::string &name : object_)
        if (list.add(name.c_str()) != MS::kSuccess)
            return MS::kFailure;
    return MS::kSuccess;
}

MSyntax MPxCommand::syntax() const
{
    const auto at = commands.find(standin_name);
    return at != commands.end() && at->second.syntax ? at->second.syntax() : MSyntax();
}

void MPxCommand::setResult(int value)
{
    result_text = std::to_string(value);
}

void MPxCommand::setResult(const MString &value)
{
    result_text = value.asChar();
}

void MPxCommand::appendToResult(const MString &value)
{
    result_text += (result_text.empty() ? "" : " ") + std::string(value.asChar());
}

void MPxCommand::clearResult()
{
    result_text.clear();
}

static std::vector<std::string> split(const std::string &line)
{
    std::vector<std::string> words;
    for (size_t at = 0; at < line.size();) {
        if (line[at] == ' ') {
            at++;
            continue;
        }
        const bool quoted = line[at] == '"';
        const size_t first = at + quoted, end = std::min(line.find(quoted ? '"' : ' ', first), line.size());
        words.push_back(line.substr(first, end - first));
        at = end + quoted;
    }
    return words;
}

bool standin::execute(const std::string &line, std::string &result)
{
    const std::vector<std::string> words = split(line);
    const auto at = commands.find(words.empty() ? "" : words[0]);
    if (at == commands.end())
        return say("error: no command " + line), false;
    std::unique_ptr<MPxCommand> command(static_cast<MPxCommand *>(at->second.create()));
    command->standin_name = words[0];
    MArgList arguments;
    arguments.word.assign(words.begin() + 1, words.end());
    result_text.clear();
    const bool good = command->doIt(arguments) == MS::kSuccess;
    result = result_text;
    if (good && command->isUndoable()) {
        done_list.push_back(std::move(command));
        undone_list.clear();
    }
    return good;
}

bool standin::undo()
{
    if (done_list.empty() || done_list.back()->undoIt() != MS::kSuccess)
        return false;
    undone_list.push_back(std::move(done_list.back()));
    done_list.pop_back();
    return true;
}

bool standin::redo()
{
    if (undone_list.empty() || undone_list.back()->redoIt() != MS::kSuccess)
        return false;
    done_list.push_back(std::move(undone_list.back()));
    undone_list.pop_back();
    return true;
}

unsigned standin::undoable()
{
    return (unsigned)done_list.size();
}

MGlobal::MMayaState MGlobal::mayaState(MStatus *status)
{
    answer(status);
    return in_batch ? kBatch : kInteractive;
}

void standin::set_batch(bool batch)
{
    in_batch = batch;
}

void standin::set_sharing(Sharing how)
{
    sharing = how;
}

void standin::lock_node(const MObject &node, bool locked)
{
    node_of(node)->locked = locked;
}

void standin::set_locked(const MPlug &plug, bool locked)
{
    plug.plug->path.back().attribute->locked = locked;
}

void MGlobal::displayWarning(const MString &text)
{
    say(std::string("warning: ") + text.asChar());
}

void MGlobal::displayError(const MString &text)
{
    say(std::string("error: ") + text.asChar());
}

/* ---- messages ---- */

MStatus MMessage::removeCallback(MCallbackId id)
{
    return status_of(timer_list.erase(id));
}

MCallbackId MTimerMessage::addTimerCallback(float period, MElapsedTimeFunction function, void *data, MStatus *status)
{
    timer_list[next_id] = {period, function, data, now + period};
    answer(status);
    return next_id++;
}

void standin::fire_timers(double seconds)
{
    now += seconds;
    const auto all = timer_list;
    for (const auto &pair : all) {
        const auto at = timer_list.find(pair.first);
        if (at == timer_list.end() || at->second.due > now)
            continue;
        at->second.due = now + at->second.period;
        at->second.function(at->second.period, at->second.period, at->second.data);
    }
}

unsigned standin::timers()
{
    return (unsigned)timer_list.size();
}

MStatus MUserEventMessage::registerUserEvent(const MString &name)
{
    return status_of(event_counts.emplace(name.asChar(), 0).second);
}

bool MUserEventMessage::isUserEvent(const MString &name)
{
    return event_counts.count(name.asChar());
}

MStatus MUserEventMessage::deregisterUserEvent(const MString &name)
{
    return status_of(event_counts.erase(name.asChar()));
}

MStatus MUserEventMessage::postUserEvent(const MString &name, void *)
{
    const auto at = event_counts.find(name.asChar());
    if (at == event_counts.end())
        return MS::kFailure;
    at->second++;
    return MS::kSuccess;
}

unsigned standin::events(const std::string &name)
{
    const auto at = event_counts.find(name);
    return at == event_counts.end() ? 0 : at->second;
}

/* ---- plug-ins ---- */

struct standin::Plugin {
    std::string path;
    void *library;
};

MFnPlugin::MFnPlugin(MObject &object, const char *, const char *, const char *, MStatus *status)
{
    object_ = object;
    answer(status);
}

MString MFnPlugin::loadPath(MStatus *status) const
{
    answer(status);
    return loading.substr(0, loading.rfind('/')).c_str();
}

MStatus MFnPlugin::registerNode(const MString &name, const MTypeId &id, MCreatorFunction *create,
                                MInitializeFunction *initialize, MPxNode::Type kind, const MString *)
{
    if (find_type(name.asChar()))
        return MS::kFailure;
    auto type = std::make_unique<NodeType>();
    type->name = name.asChar();
    type->id = id;
    type->create = create;
    type->deformer = kind == MPxNode::kDeformerNode;
    if (type->deformer)
        type->attribute = deformer_attributes;
    described = type.get();
    const MStatus status = initialize();
    described = nullptr;
    if (status == MS::kSuccess)
        types[name.asChar()] = std::move(type);
    return status;
}

/* Nodes of a type that is going must be gone. */
MStatus MFnPlugin::deregisterNode(const MTypeId &id)
{
    for (const auto &node : nodes)
        if (node.second->kind->create && node.second->kind->id == id)
            return MS::kFailure;
    for (auto at = types.begin(); at != types.end(); ++at)
        if (at->second->create && at->second->id == id)
            return types.erase(at), MS::kSuccess;
    return MS::kFailure;
}

MStatus MFnPlugin::registerCommand(const MString &name, MCreatorFunction *create, MCreateSyntaxFunction *syntax)
{
    return status_of(commands.emplace(name.asChar(), Command{create, syntax}).second);
}

MStatus MFnPlugin::deregisterCommand(const MString &name)
{
    return status_of(commands.erase(name.asChar()));
}

using Entry = MStatus (*)(MObject);

/* The entry points have C++ names: MStatus initializePlugin(MObject). */
static Entry entry(void *library, const char *name)
{
    return reinterpret_cast<Entry>(dlsym(library, name));
}

Plugin *standin::load_plugin(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return say(std::string("error: ") + dlerror()), nullptr;
    const Entry initialize = entry(library, "_Z16initializePlugin7MObject");
    loading = path;
    if (initialize && initialize(MObject()) == MS::kSuccess)
        return new Plugin{path, library};
    say("error: " + path + " did not initialize");
    dlclose(library);
    return nullptr;
}

bool standin::is_mapped(const std::string &path)
{
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find(path) != line.npos)
            return true;
    return false;
}

bool standin::unload_plugin(Plugin *plugin)
{
    done_list.clear();
    undone_list.clear();
    const Entry uninitialize = entry(plugin->library, "_Z18uninitializePlugin7MObject");
    if (!uninitialize || uninitialize(MObject()) != MS::kSuccess)
        return false;
    dlclose(plugin->library);
    const std::string path = plugin->path;
    delete plugin;
    return !is_mapped(path);
}
