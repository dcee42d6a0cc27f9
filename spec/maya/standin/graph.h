/* graph.h - the stand-in's own side: objects, values, nodes, and the lock over all of them. */
#ifndef WHORL_STANDIN_GRAPH_H
#define WHORL_STANDIN_GRAPH_H
#include "stage.h"
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace standin
{
struct Object : std::enable_shared_from_this<Object> {
    explicit Object(MFn::Type t) : type(t)
    {
    }
    virtual ~Object() = default;
    MFn::Type type;
};

struct Attribute : Object {
    using Object::Object;
    std::string name, brief, nice;
    int unit = 0; /* MFnNumericData::Type, MFnUnitAttribute::Type or MFnData::Type */
    std::atomic<double> init{0}, min{-1e300}, max{1e300};
    bool array = false, keyable = false, internal = false, dynamic = false, locked = false;
    std::vector<std::shared_ptr<Attribute>> child;
    Attribute *parent = nullptr;
    std::map<short, std::string> field;
    std::set<std::string> category;
};

struct MeshData : Object {
    explicit MeshData(MFn::Type t = MFn::kMeshData) : Object(t)
    {
    }
    const std::vector<float> &points() const
    {
        return lender ? lender->points() : mesh.points;
    }
    std::vector<float> &own_points() /* of those who write by Maya's interface */
    {
        if (lender)
            mesh.points = lender->points();
        lender.reset();
        moved = true;
        return mesh.points;
    }
    Mesh mesh;
    std::shared_ptr<const MeshData> lender; /* whose points it has, as long as nobody writes */
    bool moved = false;                     /* Maya knows that points are others */
    std::map<std::string, std::vector<MColor>> colors;
};

struct ArraysData : Object {
    ArraysData() : Object(MFn::kDynArrayAttrsData)
    {
    }
    std::map<std::string, std::shared_ptr<std::vector<MVector>>> vectors;
    std::map<std::string, std::shared_ptr<std::vector<double>>> doubles;
};

struct Value {
    double number = 0;
    MString text;
    Ref data;
    MMatrix *matrix();
    std::map<const Attribute *, Value> child;
    std::map<unsigned, Value> element;
    std::vector<MMatrix> matrix_;
};
using Values = std::map<const Attribute *, Value>;

struct Step {
    std::shared_ptr<Attribute> attribute;
    long index = -1; /* of an element; -1: the attribute itself */
    bool operator==(const Step &other) const
    {
        return attribute == other.attribute && index == other.index;
    }
};
using Path = std::vector<Step>;

struct Plug {
    std::shared_ptr<Node> node;
    Path path;
    Attribute *leaf() const
    {
        return path.back().attribute.get();
    }
};

struct NodeType {
    std::string name;
    MTypeId id;
    MCreatorFunction *create = nullptr;
    bool deformer = false;
    std::vector<std::shared_ptr<Attribute>> attribute;
    std::multimap<const Attribute *, const Attribute *> affects;
};

struct Connection {
    Path to;
    std::shared_ptr<Plug> from;
};

struct Node : Object {
    using Object::Object;
    std::string name;
    NodeType *kind = nullptr;
    MPxNode *user = nullptr;
    std::vector<std::shared_ptr<Attribute>> dynamic;
    std::shared_ptr<Values> values = std::make_shared<Values>();
    std::vector<Connection> incoming;
    std::set<std::pair<const Attribute *, long>> clean;
    std::map<unsigned, std::vector<unsigned>> members;
    bool deleted = false, locked = false;
    ~Node() override;
};

extern Sharing sharing;
extern std::map<std::string, std::unique_ptr<NodeType>> types;
extern std::map<std::string, std::shared_ptr<Node>> nodes;
extern std::vector<std::shared_ptr<Attribute>> deformer_attributes;
extern NodeType *described; /* whose attributes initialize() adds */
extern std::recursive_mutex graph_lock;
using Lock = std::lock_guard<std::recursive_mutex>;

NodeType *find_type(const std::string &name); /* nullptr: there is none */
void forget_commands();                       /* and what could be undone */
Value make_value(const Attribute &attribute);
Value *find_value(Values &values, const Path &path, bool create);
std::shared_ptr<Node> node_of(const MObject &object);
std::shared_ptr<Attribute> attribute_of(const MObject &object);
Path path_to(Attribute &attribute);
void mark_dirty(Node &node, const Attribute *root);
bool set_value(const Plug &plug, const std::function<void(Value &)> &write);
Value get_value(const Plug &plug); /* of inputs as they are, of outputs computed */
[[noreturn]] void misuse(const std::string &what);
void say(const std::string &text);
} // namespace standin
#endif
