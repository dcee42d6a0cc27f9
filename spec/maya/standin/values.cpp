/* values.cpp - objects, attributes, data handles, plugs of the stand-in. */
#include "graph.h"
#include <cstdio>
#include <cstdlib>

using namespace standin;

MObject MObject::kNullObj;

void standin::misuse(const std::string &what)
{
    fprintf(stderr, "standin: %s\n", what.c_str());
    abort();
}

static void answer(MStatus *status, MStatus with = MS::kSuccess)
{
    if (status)
        *status = with;
}

/* $NAME and a ~ at the beginning; what is not set stays. */
MString MString::expandEnvironmentVariablesAndTilde(MStatus *status) const
{
    std::string text = text_;
    if (text[0] == '~')
        text = "$HOME" + text.substr(1);
    for (size_t at = 0; (at = text.find('$', at)) != text.npos; at++) {
        size_t end = at + 1;
        while (end < text.size() && (isalnum((unsigned char)text[end]) || text[end] == '_'))
            end++;
        if (const char *value = getenv(text.substr(at + 1, end - at - 1).c_str()))
            text.replace(at, end - at, value);
    }
    answer(status);
    return text.c_str();
}

MVector::MVector(const MPoint &point) : x(point.x), y(point.y), z(point.z)
{
}

MPoint MPoint::operator*(const MMatrix &m) const
{
    const double in[4] = {x, y, z, w};
    double out[4] = {0, 0, 0, 0};
    for (unsigned column = 0; column < 4; column++)
        for (unsigned row = 0; row < 4; row++)
            out[column] += in[row] * m[row][column];
    return {out[0], out[1], out[2], out[3]};
}

/* ---- objects ---- */

MFn::Type MObject::apiType() const
{
    return ref ? ref->type : MFn::kInvalid;
}

bool MObject::hasFn(MFn::Type type) const
{
    if (type == MFn::kUnitAttribute)
        return apiType() >= MFn::kUnitAttribute && apiType() <= MFn::kTimeAttribute;
    return ref && ref->type == type;
}

bool MObjectHandle::isValid() const
{
    const auto node = std::dynamic_pointer_cast<Node>(object_.lock());
    return isAlive() && !(node && node->deleted);
}

std::shared_ptr<Node> standin::node_of(const MObject &object)
{
    return std::dynamic_pointer_cast<Node>(object.ref);
}

std::shared_ptr<Attribute> standin::attribute_of(const MObject &object)
{
    return std::dynamic_pointer_cast<Attribute>(object.ref);
}

/* ---- values ---- */

MMatrix *Value::matrix()
{
    matrix_.resize(1);
    return matrix_.data();
}

Value standin::make_value(const Attribute &attribute)
{
    Value v;
    v.number = attribute.init;
    return v;
}

static Value *below(std::map<const Attribute *, Value> &in, const Attribute &attribute, bool create)
{
    auto found = in.find(&attribute);
    if (found == in.end() && create)
        found = in.emplace(&attribute, make_value(attribute)).first;
    return found == in.end() ? nullptr : &found->second;
}

Value *standin::find_value(Values &values, const Path &path, bool create)
{
    Value *v = nullptr;
    for (const Step &step : path) {
        v = below(v ? v->child : values, *step.attribute, create);
        if (!v)
            return nullptr;
        if (step.index < 0)
            continue;
        const auto at = v->element.find((unsigned)step.index);
        if (at == v->element.end() && !create)
            return nullptr;
        v = at != v->element.end()
                ? &at->second
                : &v->element.emplace((unsigned)step.index, make_value(*step.attribute)).first->second;
    }
    return v;
}

Path standin::path_to(Attribute &attribute)
{
    Path path;
    for (Attribute *a = &attribute; a; a = a->parent)
        path.insert(path.begin(), {std::static_pointer_cast<Attribute>(a->shared_from_this()), -1});
    return path;
}

/* ---- data handles: as strict as the real ones are silent ---- */

static void expect(const Attribute *of, bool right, const char *what)
{
    if (!of || !right)
        misuse(std::string(what) + " of " + (of ? of->name : "nothing"));
}

static bool is_number(const Attribute *a, MFnNumericData::Type type)
{
    return a && a->type == MFn::kNumericAttribute && a->unit == type;
}

bool MDataHandle::asBool() const
{
    expect(of, is_number(of, MFnNumericData::kBoolean), "asBool");
    return value->number != 0;
}

short MDataHandle::asShort() const
{
    expect(of, of && of->type == MFn::kEnumAttribute, "asShort");
    return (short)value->number;
}

int MDataHandle::asInt() const
{
    expect(of, is_number(of, MFnNumericData::kInt), "asInt");
    return (int)value->number;
}

float MDataHandle::asFloat() const
{
    expect(of, is_number(of, MFnNumericData::kFloat), "asFloat");
    return (float)value->number;
}

double MDataHandle::asDouble() const
{
    expect(of,
           is_number(of, MFnNumericData::kDouble) || (of && of->type == MFn::kDoubleLinearAttribute) ||
               (of && of->type == MFn::kDoubleAngleAttribute),
           "asDouble");
    return value->number;
}

MString &MDataHandle::asString() const
{
    expect(of, of && of->type == MFn::kTypedAttribute && of->unit == MFnData::kString, "asString");
    return value->text;
}

MTime MDataHandle::asTime() const
{
    expect(of, of && of->type == MFn::kTimeAttribute, "asTime");
    return MTime(value->number, MTime::kSeconds);
}

MMatrix &MDataHandle::asMatrix() const
{
    expect(of, of && of->type == MFn::kMatrixAttribute, "asMatrix");
    return *value->matrix();
}

MObject MDataHandle::asMesh() const
{
    expect(of, of && of->type == MFn::kTypedAttribute && of->unit == MFnData::kMesh, "asMesh");
    return value->data && value->data->type == MFn::kMeshData ? MObject(value->data) : MObject();
}

MDataHandle MDataHandle::child(const MObject &attribute)
{
    const auto a = attribute_of(attribute);
    if (!a || !value || a->parent != of)
        misuse("child " + (a ? a->name : "nothing") + " of " + (of ? of->name : "nothing"));
    return MDataHandle(below(value->child, *a, true), a.get());
}

MStatus MDataHandle::setMObject(const MObject &object)
{
    value->data = object.ref;
    return MS::kSuccess;
}

MArrayDataHandle::MArrayDataHandle(const MDataHandle &handle, MStatus *status) : array_(handle)
{
    if (handle.of && !handle.of->array)
        misuse("an array handle of " + handle.of->name + ", which is none");
    answer(status, handle.value ? MS::kSuccess : MS::kFailure);
}

unsigned int MArrayDataHandle::elementCount(MStatus *status)
{
    answer(status);
    return array_.value ? (unsigned)array_.value->element.size() : 0;
}

static std::map<unsigned, Value>::iterator nth(std::map<unsigned, Value> &map, unsigned n)
{
    return n < map.size() ? std::next(map.begin(), n) : map.end();
}

unsigned int MArrayDataHandle::elementIndex(MStatus *status)
{
    const auto at = nth(array_.value->element, position_);
    answer(status, at == array_.value->element.end() ? MS::kFailure : MS::kSuccess);
    return at == array_.value->element.end() ? 0 : at->first;
}

MStatus MArrayDataHandle::jumpToElement(unsigned int index)
{
    if (!array_.value || !array_.value->element.count(index))
        return MS::kInvalidParameter;
    position_ = (unsigned)std::distance(array_.value->element.begin(), array_.value->element.find(index));
    return MS::kSuccess;
}

MStatus MArrayDataHandle::jumpToArrayElement(unsigned int position)
{
    position_ = position;
    return array_.value && position < array_.value->element.size() ? MS::kSuccess : MS::kInvalidParameter;
}

MStatus MArrayDataHandle::next()
{
    return jumpToArrayElement(position_ + 1);
}

MDataHandle MArrayDataHandle::inputValue(MStatus *status)
{
    if (!array_.value || position_ >= array_.value->element.size()) {
        answer(status, MS::kFailure);
        return MDataHandle();
    }
    answer(status);
    return MDataHandle(&nth(array_.value->element, position_)->second, array_.of);
}

MDataHandle MArrayDataHandle::outputValue(MStatus *status)
{
    return inputValue(status);
}

/* ---- the data block ---- */

MDataBlock::MDataBlock(std::shared_ptr<void> v) : values(std::move(v))
{
}

static Values &values_of(MDataBlock &block)
{
    return *static_cast<Values *>(block.values.get());
}

Value *MDataBlock::find(const MObject &attribute)
{
    const auto a = attribute_of(attribute);
    if (!a)
        return nullptr;
    const Path path = path_to(*a);
    for (size_t i = 0; i + 1 < path.size(); i++)
        if (path[i].attribute->array)
            misuse(a->name + " belongs to elements of an array");
    /* What the node does not have (any more) is not made up. */
    const bool known = values_of(*this).count(path[0].attribute.get());
    return known ? find_value(values_of(*this), path, true) : nullptr;
}

MDataHandle MDataBlock::inputValue(const MObject &attribute, MStatus *status)
{
    Value *v = find(attribute);
    answer(status, v ? MS::kSuccess : MS::kInvalidParameter);
    return MDataHandle(v, v ? attribute_of(attribute).get() : nullptr);
}

MDataHandle MDataBlock::outputValue(const MObject &attribute, MStatus *status)
{
    return inputValue(attribute, status);
}

MArrayDataHandle MDataBlock::inputArrayValue(const MObject &attribute, MStatus *status)
{
    return MArrayDataHandle(inputValue(attribute), status);
}

MArrayDataHandle MDataBlock::outputArrayValue(const MObject &attribute, MStatus *status)
{
    return inputArrayValue(attribute, status);
}

MStatus MDataBlock::setClean(const MObject &)
{
    return MS::kSuccess;
}

/* ---- plugs ---- */

MPlug::MPlug() = default;

MPlug::MPlug(const MObject &node, const MObject &attribute)
    : plug(std::make_shared<Plug>(Plug{node_of(node), path_to(*attribute_of(attribute))}))
{
}

MPlug::MPlug(const Plug &p) : plug(std::make_shared<Plug>(p))
{
}

bool MPlug::isNull() const
{
    return !plug || !plug->node;
}

MObject MPlug::node() const
{
    return plug ? MObject(plug->node) : MObject();
}

MObject MPlug::attribute(MStatus *status) const
{
    answer(status, plug ? MS::kSuccess : MS::kFailure);
    return plug ? MObject(plug->path.back().attribute) : MObject();
}

bool MPlug::isArray(MStatus *status) const
{
    answer(status);
    return plug->leaf()->array && plug->path.back().index < 0;
}

bool MPlug::isDynamic(MStatus *status) const
{
    answer(status);
    return plug->path[0].attribute->dynamic;
}

bool MPlug::isLocked(MStatus *status) const
{
    answer(status);
    return plug->leaf()->locked;
}

bool MPlug::isDestination(MStatus *status) const
{
    const Lock lock(graph_lock);
    answer(status);
    for (const Connection &c : plug->node->incoming)
        if (c.to == plug->path)
            return true;
    return false;
}

bool MPlug::isDefaultValue(bool, MStatus *status) const
{
    return asDouble(status) == plug->leaf()->init;
}

/* Of the plug itself. */
bool MPlug::isConnected(MStatus *status) const
{
    return isDestination(status);
}

static Value *value_of(const Plug &plug)
{
    return find_value(*plug.node->values, plug.path, true);
}

unsigned int MPlug::numElements(MStatus *status) const
{
    const Lock lock(graph_lock);
    answer(status);
    return (unsigned)value_of(*plug)->element.size();
}

MPlug MPlug::elementByLogicalIndex(unsigned int index, MStatus *status) const
{
    Plug p = *plug;
    p.path.back().index = index;
    answer(status);
    return MPlug(p);
}

MPlug MPlug::elementByPhysicalIndex(unsigned int index, MStatus *status) const
{
    const Lock lock(graph_lock);
    return elementByLogicalIndex(nth(value_of(*plug)->element, index)->first, status);
}

double MPlug::asDouble(MStatus *status) const
{
    answer(status);
    return get_value(*plug).number;
}

int MPlug::asInt(MStatus *status) const
{
    return (int)asDouble(status);
}

short MPlug::asShort(MStatus *status) const
{
    return (short)asDouble(status);
}

bool MPlug::asBool(MStatus *status) const
{
    return asDouble(status) != 0;
}

MString MPlug::asString(MStatus *status) const
{
    answer(status);
    return get_value(*plug).text;
}

MObject MPlug::asMObject(MStatus *status) const
{
    answer(status);
    return MObject(get_value(*plug).data);
}

static MStatus status_of(bool done)
{
    return done ? MS::kSuccess : MS::kFailure;
}

MStatus MPlug::setDouble(double number)
{
    return status_of(set_value(*plug, [number](Value &v) { v.number = number; }));
}

MStatus MPlug::setInt(int number)
{
    return setDouble(number);
}

MStatus MPlug::setBool(bool value)
{
    return setDouble(value);
}

MStatus MPlug::setString(const MString &text)
{
    return status_of(set_value(*plug, [&](Value &v) { v.text = text; }));
}

MStatus MPlug::setMObject(const MObject &object)
{
    return status_of(set_value(*plug, [&](Value &v) { v.data = object.ref; }));
}

bool MPlug::operator==(const MObject &attribute) const
{
    return plug->path.back().attribute == attribute_of(attribute);
}

/* ---- attributes ---- */

MFnAttribute::MFnAttribute(const MObject &object, MStatus *status)
{
    answer(status, setObject(object));
}

Attribute &MFnAttribute::self() const
{
    return *attribute_of(object_);
}

MObject MFnAttribute::make(const MString &name, const MString &brief, MFn::Type type)
{
    const auto a = std::make_shared<Attribute>(type);
    a->name = name.asChar();
    a->brief = brief.asChar();
    for (const std::string &word : {a->name, a->brief})
        if (word.empty() || isdigit((unsigned char)word[0]) ||
            word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != word.npos)
            misuse("'" + word + "' is no name for an attribute");
    object_ = MObject(a);
    return object_;
}

MString MFnAttribute::name(MStatus *status) const
{
    answer(status);
    return self().name.c_str();
}

MString MFnAttribute::niceNameOverride(MStatus *status) const
{
    answer(status);
    return self().nice.c_str();
}

MStatus MFnAttribute::setNiceNameOverride(const MString &name)
{
    self().nice = name.asChar();
    return MS::kSuccess;
}

#define SET(method, member)                                                                                            \
    MStatus MFnAttribute::method(bool state)                                                                           \
    {                                                                                                                  \
        self().member = state;                                                                                         \
        return MS::kSuccess;                                                                                           \
    }
SET(setKeyable, keyable)
SET(setInternal, internal)
SET(setArray, array)

#define IGNORE(method)                                                                                                 \
    MStatus MFnAttribute::method(bool)                                                                                 \
    {                                                                                                                  \
        return MS::kSuccess;                                                                                           \
    }
IGNORE(setStorable)
IGNORE(setHidden)
IGNORE(setWritable)
IGNORE(setConnectable)
IGNORE(setUsedAsFilename)

bool MFnAttribute::isKeyable(MStatus *status) const
{
    answer(status);
    return self().keyable;
}

MStatus MFnAttribute::addToCategory(const MString &category)
{
    self().category.insert(category.asChar());
    return MS::kSuccess;
}

bool MFnAttribute::hasCategory(const MString &category, MStatus *status) const
{
    answer(status);
    return self().category.count(category.asChar()) > 0;
}

MObject MFnNumericAttribute::create(const MString &name, const MString &brief, MFnNumericData::Type type, double init,
                                    MStatus *status)
{
    make(name, brief, MFn::kNumericAttribute);
    self().unit = type;
    self().init = init;
    answer(status);
    return object_;
}

MFnNumericData::Type MFnNumericAttribute::unitType(MStatus *status) const
{
    answer(status);
    return (MFnNumericData::Type)self().unit;
}

MObject MFnUnitAttribute::create(const MString &name, const MString &brief, Type type, double init, MStatus *status)
{
    make(name, brief,
         type == kAngle      ? MFn::kDoubleAngleAttribute
         : type == kDistance ? MFn::kDoubleLinearAttribute
                             : MFn::kTimeAttribute);
    self().unit = type;
    self().init = init;
    answer(status);
    return object_;
}

MFnUnitAttribute::Type MFnUnitAttribute::unitType(MStatus *status) const
{
    answer(status);
    return (Type)self().unit;
}

#define NUMBER(Class)                                                                                                  \
    MStatus Class::setMin(double value)                                                                                \
    {                                                                                                                  \
        self().min = value;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::setMax(double value)                                                                                \
    {                                                                                                                  \
        self().max = value;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }
NUMBER(MFnNumericAttribute)
NUMBER(MFnUnitAttribute)

MStatus MFnUnitAttribute::getMin(double &value) const
{
    value = self().min;
    return MS::kSuccess;
}

MStatus MFnUnitAttribute::getMax(double &value) const
{
    value = self().max;
    return MS::kSuccess;
}

static MStatus set_default(Attribute &a, bool fits, double value)
{
    if (fits)
        a.init = value;
    return fits ? MS::kSuccess : MS::kInvalidParameter;
}

MStatus MFnNumericAttribute::setDefault(double value)
{
    return set_default(self(), self().unit == MFnNumericData::kDouble, value);
}

MStatus MFnNumericAttribute::setDefault(int value)
{
    return set_default(self(), self().unit == MFnNumericData::kInt, value);
}

MStatus MFnNumericAttribute::setDefault(bool value)
{
    return set_default(self(), self().unit == MFnNumericData::kBoolean, value);
}

MStatus MFnUnitAttribute::setDefault(double value)
{
    return set_default(self(), true, value);
}

MObject MFnTypedAttribute::create(const MString &name, const MString &brief, MFnData::Type type, const MObject &,
                                  MStatus *status)
{
    make(name, brief, MFn::kTypedAttribute);
    self().unit = type;
    answer(status);
    return object_;
}

MObject MFnMatrixAttribute::create(const MString &name, const MString &brief, Type, MStatus *status)
{
    answer(status);
    return make(name, brief, MFn::kMatrixAttribute);
}

MObject MFnEnumAttribute::create(const MString &name, const MString &brief, short init, MStatus *status)
{
    make(name, brief, MFn::kEnumAttribute);
    self().init = init;
    answer(status);
    return object_;
}

MStatus MFnEnumAttribute::addField(const MString &name, short index)
{
    self().field[index] = name.asChar();
    return MS::kSuccess;
}

MString MFnEnumAttribute::fieldName(short index, MStatus *status) const
{
    const auto at = self().field.find(index);
    answer(status, status_of(at != self().field.end()));
    return at != self().field.end() ? at->second.c_str() : "";
}

MStatus MFnEnumAttribute::setDefault(short value)
{
    self().init = value;
    return MS::kSuccess;
}

MObject MFnCompoundAttribute::create(const MString &name, const MString &brief, MStatus *status)
{
    answer(status);
    return make(name, brief, MFn::kCompoundAttribute);
}

MStatus MFnCompoundAttribute::addChild(const MObject &child)
{
    const auto a = attribute_of(child);
    a->parent = &self();
    self().child.push_back(a);
    return MS::kSuccess;
}

MObject MFnCompoundAttribute::child(unsigned int index, MStatus *status) const
{
    answer(status);
    return MObject(self().child[index]);
}

/* ---- geometry ---- */

MFnMesh::MFnMesh(const MObject &object, MStatus *status)
{
    answer(status, setObject(object));
}

MStatus MFnMesh::setObject(const MObject &object)
{
    object_ = object;
    return status_of(object.apiType() == MFn::kMeshData);
}

const MeshData &MFnMesh::mesh() const
{
    return static_cast<const MeshData &>(*object_.ref);
}

int MFnMesh::numVertices(MStatus *status) const
{
    answer(status);
    return (int)(mesh().points().size() / 3);
}

const float *MFnMesh::getRawPoints(MStatus *status) const
{
    answer(status);
    return mesh().points().data();
}

MStatus MFnMesh::updateSurface()
{
    return MS::kSuccess;
}

MStatus MFnMesh::getTriangles(MIntArray &counts, MIntArray &vertices) const
{
    const Mesh &m = mesh().mesh;
    size_t first = 0;
    counts.clear();
    vertices.clear();
    for (const int corners : m.counts) {
        counts.append(corners - 2);
        for (int k = 2; k < corners; k++)
            for (const size_t at : {first, first + (size_t)k - 1, first + (size_t)k})
                vertices.append(m.vertices[at]);
        first += (size_t)corners;
    }
    return MS::kSuccess;
}

MStatus MFnMesh::getVertexColors(MColorArray &colors, const MString *name, MColor *)
{
    const auto at = mesh().colors.find(name ? name->asChar() : "");
    if (at == mesh().colors.end())
        return MS::kFailure;
    colors = MColorArray(at->second.data(), (unsigned)at->second.size());
    return MS::kSuccess;
}

MItGeometry::MItGeometry(MeshData &mesh, const std::vector<unsigned int> *subset)
    : mesh_(mesh), subset_(subset), count_((unsigned)(subset ? subset->size() : mesh.points().size() / 3))
{
}

int MItGeometry::index(MStatus *status) const
{
    answer(status);
    return (int)(subset_ ? (*subset_)[at_] : at_);
}

MPoint MItGeometry::position(MSpace::Space, MStatus *status) const
{
    const float *p = &mesh_.points()[3 * (size_t)index()];
    answer(status);
    return MPoint(p[0], p[1], p[2]);
}

static void put(float *to, const MPoint &point)
{
    to[0] = (float)point.x, to[1] = (float)point.y, to[2] = (float)point.z;
}

MStatus MItGeometry::setPosition(const MPoint &point, MSpace::Space)
{
    const MPoint now = position();
    if (sharing == kStubborn && point.x == now.x && point.y == now.y && point.z == now.z)
        return MS::kSuccess;
    put(&mesh_.own_points()[3 * (size_t)index()], point);
    return MS::kSuccess;
}

MFnArrayAttrsData::MFnArrayAttrsData(const MObject &object, MStatus *status)
{
    answer(status, setObject(object));
}

MObject MFnArrayAttrsData::create(MStatus *status)
{
    answer(status);
    return object_ = MObject(std::make_shared<ArraysData>());
}

template <class T>
static std::shared_ptr<std::vector<T>> inside(std::map<std::string, std::shared_ptr<std::vector<T>>> &map,
                                              const MString &name)
{
    auto &found = map[name.asChar()];
    if (!found)
        found = std::make_shared<std::vector<T>>();
    return found;
}

MVectorArray MFnArrayAttrsData::vectorArray(const MString &name, MStatus *status)
{
    answer(status);
    return MVectorArray(inside(static_cast<ArraysData &>(*object_.ref).vectors, name));
}

MDoubleArray MFnArrayAttrsData::doubleArray(const MString &name, MStatus *status)
{
    answer(status);
    return MDoubleArray(inside(static_cast<ArraysData &>(*object_.ref).doubles, name));
}
