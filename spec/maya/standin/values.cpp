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

MString &MString::operator+=(int number)
{
    text_ += std::to_string(number);
    return *this;
}

MString &MString::operator+=(double number)
{
    char text[40];
    snprintf(text, sizeof text, "%g", number);
    text_ += text;
    return *this;
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

MMatrix MMatrix::inverse() const
{
    const auto &m = matrix;
    MMatrix out;
    double determinant = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            out.matrix[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    for (int i = 0; i < 3; i++)
        determinant += m[0][i] * out.matrix[i][0];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out.matrix[i][j] /= determinant;
    for (int j = 0; j < 3; j++)
        out.matrix[3][j] = -(m[3][0] * out.matrix[0][j] + m[3][1] * out.matrix[1][j] + m[3][2] * out.matrix[2][j]);
    return out;
}

/* ---- objects ---- */

MFn::Type MObject::apiType() const
{
    return ref ? ref->type : MFn::kInvalid;
}

bool MObject::hasFn(MFn::Type type) const
{
    if (!ref)
        return false;
    if (type == MFn::kDependencyNode)
        return dynamic_cast<Node *>(ref.get());
    if (type == MFn::kAttribute)
        return dynamic_cast<Attribute *>(ref.get());
    if (type == MFn::kUnitAttribute)
        return ref->type >= MFn::kUnitAttribute && ref->type <= MFn::kTimeAttribute;
    return ref->type == type || (type == MFn::kMesh && ref->type == MFn::kMeshData);
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
    expect(of, is_number(of, MFnNumericData::kShort) || (of && of->type == MFn::kEnumAttribute), "asShort");
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
    expect(of, of && (of->geometry || (of->type == MFn::kTypedAttribute && of->unit == MFnData::kMesh)), "asMesh");
    return value->data && value->data->type == MFn::kMeshData ? MObject(value->data) : MObject();
}

MObject MDataHandle::data()
{
    return MObject(value->data);
}

MDataHandle MDataHandle::child(const MObject &attribute)
{
    const auto a = attribute_of(attribute);
    if (!a || !value || a->parent != of)
        misuse("child " + (a ? a->name : "nothing") + " of " + (of ? of->name : "nothing"));
    return MDataHandle(below(value->child, *a, true), a.get());
}

void MDataHandle::setInt(int number)
{
    value->number = number;
}

void MDataHandle::setFloat(float number)
{
    value->number = number;
}

void MDataHandle::setDouble(double number)
{
    value->number = number;
}

MStatus MDataHandle::setMObject(const MObject &object)
{
    value->data = object.ref;
    return MS::kSuccess;
}

MStatus MDataHandle::copy(const MDataHandle &other)
{
    *value = *other.value;
    if (const auto mesh = std::dynamic_pointer_cast<MeshData>(value->data)) /* points are the copy's own */
        value->data = std::make_shared<MeshData>(*mesh);
    return MS::kSuccess;
}

MObject MDataHandle::attribute()
{
    return of ? MObject(const_cast<Attribute *>(of)->shared_from_this()) : MObject();
}

void MDataHandle::setClean()
{
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

MStatus MArrayDataHandle::setAllClean()
{
    return MS::kSuccess;
}

/* ---- the data block ---- */

MDataBlock::MDataBlock(Node &n, std::shared_ptr<void> v) : node(n), values(std::move(v))
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

MDataHandle MDataBlock::inputValue(const MPlug &plug, MStatus *status)
{
    Value *v = find_value(values_of(*this), plug.plug->path, true);
    answer(status);
    return MDataHandle(v, plug.plug->leaf());
}

MDataHandle MDataBlock::outputValue(const MObject &attribute, MStatus *status)
{
    return inputValue(attribute, status);
}

MDataHandle MDataBlock::outputValue(const MPlug &plug, MStatus *status)
{
    return inputValue(plug, status);
}

MArrayDataHandle MDataBlock::inputArrayValue(const MObject &attribute, MStatus *status)
{
    return MArrayDataHandle(inputValue(attribute), status);
}

MArrayDataHandle MDataBlock::outputArrayValue(const MObject &attribute, MStatus *status)
{
    return inputArrayValue(attribute, status);
}

MStatus MDataBlock::setClean(const MPlug &)
{
    return MS::kSuccess;
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

MString MPlug::name(MStatus *status) const
{
    std::string text = plug->node->name;
    for (const Step &step : plug->path) {
        text += "." + step.attribute->name;
        if (step.index >= 0)
            text += "[" + std::to_string(step.index) + "]";
    }
    answer(status);
    return text.c_str();
}

bool MPlug::isArray(MStatus *status) const
{
    answer(status);
    return plug->leaf()->array && plug->path.back().index < 0;
}

bool MPlug::isCompound(MStatus *status) const
{
    answer(status);
    return plug->leaf()->type == MFn::kCompoundAttribute;
}

bool MPlug::isDynamic(MStatus *status) const
{
    answer(status);
    return plug->path[0].attribute->dynamic;
}

bool MPlug::isLocked(MStatus *status) const
{
    answer(status);
    return false;
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

/* Of the plug itself, from and to. */
bool MPlug::isConnected(MStatus *status) const
{
    return isDestination(status);
}

/* Connections to what lies one level or more below. */
static unsigned connected_below(const Plug &plug)
{
    const Lock lock(graph_lock);
    unsigned count = 0;
    for (const Connection &c : plug.node->incoming) {
        bool below = c.to.size() >= plug.path.size() && !(c.to == plug.path);
        for (size_t i = 0; below && i < plug.path.size(); i++)
            below = c.to[i].attribute == plug.path[i].attribute &&
                    (plug.path[i].index < 0 || plug.path[i].index == c.to[i].index);
        count += below;
    }
    return count;
}

unsigned int MPlug::numConnectedChildren(MStatus *status) const
{
    answer(status);
    return connected_below(*plug);
}

unsigned int MPlug::numConnectedElements(MStatus *status) const
{
    answer(status);
    return connected_below(*plug);
}

unsigned int MPlug::logicalIndex(MStatus *status) const
{
    answer(status);
    return plug->path.back().index < 0 ? 0 : (unsigned)plug->path.back().index;
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

unsigned int MPlug::evaluateNumElements(MStatus *status)
{
    return numElements(status);
}

unsigned int MPlug::numChildren(MStatus *status) const
{
    answer(status);
    return (unsigned)plug->leaf()->child.size();
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

MPlug MPlug::child(unsigned int index, MStatus *status) const
{
    Plug p = *plug;
    p.path.push_back({plug->leaf()->child[index], -1});
    answer(status);
    return MPlug(p);
}

MPlug MPlug::child(const MObject &attribute, MStatus *status) const
{
    Plug p = *plug;
    p.path.push_back({attribute_of(attribute), -1});
    answer(status);
    return MPlug(p);
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

bool MPlug::operator==(const MPlug &other) const
{
    return plug->node == other.plug->node && plug->path == other.plug->path;
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

MString MFnAttribute::shortName(MStatus *status) const
{
    answer(status);
    return self().brief.c_str();
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
SET(setStorable, storable)
SET(setHidden, hidden)
SET(setWritable, writable)
SET(setConnectable, connectable)
SET(setInternal, internal)
SET(setArray, array)
SET(setUsedAsFilename, filename)

#define IGNORE(method)                                                                                                 \
    MStatus MFnAttribute::method(bool)                                                                                 \
    {                                                                                                                  \
        return MS::kSuccess;                                                                                           \
    }
IGNORE(setReadable)
IGNORE(setCached)
IGNORE(setChannelBox)
IGNORE(setUsesArrayDataBuilder)
IGNORE(setAffectsAppearance)

bool MFnAttribute::isKeyable(MStatus *status) const
{
    answer(status);
    return self().keyable;
}

bool MFnAttribute::isHidden(MStatus *status) const
{
    answer(status);
    return self().hidden;
}

bool MFnAttribute::isArray(MStatus *status) const
{
    answer(status);
    return self().array;
}

bool MFnAttribute::isDynamic(MStatus *status) const
{
    answer(status);
    return self().dynamic;
}

MObject MFnAttribute::parent(MStatus *status) const
{
    answer(status);
    return self().parent ? MObject(self().parent->shared_from_this()) : MObject();
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
    MStatus Class::getDefault(double &value) const                                                                     \
    {                                                                                                                  \
        value = self().init;                                                                                           \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::setDefault(double value)                                                                            \
    {                                                                                                                  \
        self().init = value;                                                                                           \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::setMin(double value)                                                                                \
    {                                                                                                                  \
        self().min = value;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::setMax(double value)                                                                                \
    {                                                                                                                  \
        self().max = value;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::getMin(double &value) const                                                                         \
    {                                                                                                                  \
        value = self().min;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }                                                                                                                  \
    MStatus Class::getMax(double &value) const                                                                         \
    {                                                                                                                  \
        value = self().max;                                                                                            \
        return MS::kSuccess;                                                                                           \
    }
NUMBER(MFnNumericAttribute)
NUMBER(MFnUnitAttribute)

MStatus MFnNumericAttribute::setSoftMin(double)
{
    return MS::kSuccess;
}

MStatus MFnNumericAttribute::setSoftMax(double)
{
    return MS::kSuccess;
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

MStatus MFnEnumAttribute::getMax(short &value) const
{
    value = self().field.empty() ? 0 : self().field.rbegin()->first;
    return MS::kSuccess;
}

MString MFnEnumAttribute::fieldName(short index, MStatus *status) const
{
    const auto at = self().field.find(index);
    answer(status, status_of(at != self().field.end()));
    return at != self().field.end() ? at->second.c_str() : "";
}

MStatus MFnEnumAttribute::getDefault(short &value) const
{
    value = (short)self().init;
    return MS::kSuccess;
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

unsigned int MFnCompoundAttribute::numChildren(MStatus *status) const
{
    answer(status);
    return (unsigned)self().child.size();
}

MObject MFnCompoundAttribute::child(unsigned int index, MStatus *status) const
{
    answer(status);
    return MObject(self().child[index]);
}

MObject MFnStringData::create(const MString &text, MStatus *status)
{
    const auto data = std::make_shared<TextData>();
    data->text = text;
    answer(status);
    return object_ = MObject(data);
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
    return (int)(mesh().mesh.points.size() / 3);
}

int MFnMesh::numPolygons(MStatus *status) const
{
    answer(status);
    return (int)mesh().mesh.counts.size();
}

int MFnMesh::numFaceVertices(MStatus *status) const
{
    answer(status);
    return (int)mesh().mesh.vertices.size();
}

const float *MFnMesh::getRawPoints(MStatus *status) const
{
    answer(status);
    return mesh().mesh.points.data();
}

MStatus MFnMesh::getPoints(MPointArray &points, MSpace::Space) const
{
    const std::vector<float> &p = mesh().mesh.points;
    points.setLength((unsigned)(p.size() / 3));
    for (unsigned i = 0; i < points.length(); i++)
        points[i] = MPoint(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
    return MS::kSuccess;
}

MStatus MFnMesh::getVertices(MIntArray &counts, MIntArray &list) const
{
    const Mesh &m = mesh().mesh;
    counts = MIntArray(m.counts.data(), (unsigned)m.counts.size());
    list = MIntArray(m.vertices.data(), (unsigned)m.vertices.size());
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

MStatus MFnMesh::getColorSetNames(MStringArray &names) const
{
    names.clear();
    for (const auto &set : mesh().colors)
        names.append(set.first.c_str());
    return MS::kSuccess;
}

MStatus MFnMesh::getVertexColors(MColorArray &colors, const MString *name, const MColor *)
{
    const auto at = mesh().colors.find(name ? name->asChar() : "");
    if (at == mesh().colors.end())
        return MS::kFailure;
    colors = MColorArray(at->second.data(), (unsigned)at->second.size());
    return MS::kSuccess;
}

MItGeometry::MItGeometry(MeshData &mesh, const std::vector<unsigned int> *subset)
    : mesh_(mesh), subset_(subset), count_((unsigned)(subset ? subset->size() : mesh.mesh.points.size() / 3))
{
}

int MItGeometry::index(MStatus *status) const
{
    answer(status);
    return (int)(subset_ ? (*subset_)[at_] : at_);
}

int MItGeometry::count(MStatus *status) const
{
    answer(status);
    return (int)count_;
}

int MItGeometry::exactCount(MStatus *status) const
{
    return count(status);
}

MPoint MItGeometry::position(MSpace::Space, MStatus *status) const
{
    const float *p = &mesh_.mesh.points[3 * (size_t)index()];
    answer(status);
    return MPoint(p[0], p[1], p[2]);
}

static void put(float *to, const MPoint &point)
{
    to[0] = (float)point.x, to[1] = (float)point.y, to[2] = (float)point.z;
}

MStatus MItGeometry::setPosition(const MPoint &point, MSpace::Space)
{
    put(&mesh_.mesh.points[3 * (size_t)index()], point);
    return MS::kSuccess;
}

MStatus MItGeometry::allPositions(MPointArray &points, MSpace::Space) const
{
    const float *p = mesh_.mesh.points.data();
    points.setLength(count_);
    MPoint *to = count_ ? &points[0] : nullptr;
    for (unsigned i = 0; i < count_; i++) {
        const float *at = p + 3 * (size_t)(subset_ ? (*subset_)[i] : i);
        to[i] = MPoint(at[0], at[1], at[2]);
    }
    return MS::kSuccess;
}

MStatus MItGeometry::setAllPositions(const MPointArray &points, MSpace::Space)
{
    if (points.length() != count_)
        return MS::kFailure;
    const MPoint *from = count_ ? &points[0] : nullptr;
    for (unsigned i = 0; i < count_; i++)
        put(&mesh_.mesh.points[3 * (size_t)(subset_ ? (*subset_)[i] : i)], from[i]);
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

MIntArray MFnArrayAttrsData::intArray(const MString &name, MStatus *status)
{
    answer(status);
    return MIntArray(inside(static_cast<ArraysData &>(*object_.ref).ints, name));
}

bool MFnArrayAttrsData::checkArrayExist(const MString &name, Type &type, MStatus *status)
{
    const auto &data = static_cast<ArraysData &>(*object_.ref);
    answer(status);
    type = data.vectors.count(name.asChar())   ? kVectorArray
           : data.doubles.count(name.asChar()) ? kDoubleArray
           : data.ints.count(name.asChar())    ? kIntArray
                                               : kInvalid;
    return type != kInvalid;
}
