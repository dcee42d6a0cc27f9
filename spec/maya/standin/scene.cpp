/* scene.cpp - nodes, connections, evaluation, and changes that can be undone, of the stand-in. */
#include "graph.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>

using namespace standin;

std::recursive_mutex standin::graph_lock;
Sharing standin::sharing = kNever;

std::map<std::string, std::unique_ptr<NodeType>> standin::types;
std::map<std::string, std::shared_ptr<Node>> standin::nodes;
NodeType *standin::described;

namespace
{
std::atomic<unsigned> failure_count;
std::atomic<double> deform_time;
Node *being_made; /* whose user part is under construction */
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

/* ---- types that Maya has ---- */

MObject MPxGeometryFilter::input, MPxGeometryFilter::inputGeom, MPxGeometryFilter::outputGeom,
    MPxGeometryFilter::envelope, MPxDeformerNode::weightList, MPxDeformerNode::weights;

std::vector<std::shared_ptr<Attribute>> standin::deformer_attributes;

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

NodeType *standin::find_type(const std::string &name)
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
    forget_commands();
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
