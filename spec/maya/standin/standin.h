/* standin.h - a small stand-in for the classes of Maya that hosts/maya uses, so that the plug-in's unmodified sources
 * can be compiled, run and sanitised where Maya is not. It is no part of Maya: it was written from the public reference
 * pages (help.autodesk.com, "C++ API Reference") alone, and has what is used, not what there is. Where a page leaves a
 * question open, docs/maya.md says how it was taken.
 *
 * The graph is a plain one: values in nodes, connections pulled before a node computes, dirty marks that follow
 * attributeAffects, setDependentsDirty and connections. A node evaluated `in context` computes on a copy of its values
 * and holds no lock, as a context of its own in the Evaluation Manager does, so that thread sanitizers see the plug-in
 * as it is. What a scenario does to it is in stage.h. */
#ifndef WHORL_STANDIN_H
#define WHORL_STANDIN_H
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#ifndef MAYA_API_VERSION
#define MAYA_API_VERSION 20240000
#endif

namespace standin
{
struct Object;
struct Node;
struct Attribute;
struct Value;
struct Plug;
struct MeshData;
struct Edits;
using Ref = std::shared_ptr<Object>;
} // namespace standin

/* ---- plain values ---- */

class MStatus
{
  public:
    enum MStatusCode { kSuccess, kFailure, kInvalidParameter, kUnknownParameter };
    MStatus() = default;
    MStatus(MStatusCode code) : code_(code)
    {
    }
    operator bool() const
    {
        return code_ == kSuccess;
    }
    bool operator==(MStatusCode code) const
    {
        return code_ == code;
    }
    bool operator!=(MStatusCode code) const
    {
        return code_ != code;
    }

  private:
    MStatusCode code_ = kSuccess;
};
using MS = MStatus;
#define CHECK_MSTATUS_AND_RETURN_IT(status)                                                                            \
    {                                                                                                                  \
        const MStatus standin_status = (status);                                                                       \
        if (standin_status != MStatus::kSuccess)                                                                       \
            return standin_status;                                                                                     \
    }

class MString
{
  public:
    MString() = default;
    MString(const char *text) : text_(text ? text : "")
    {
    }
    const char *asChar() const
    {
        return text_.c_str();
    }
    unsigned int length() const
    {
        return (unsigned int)text_.size();
    }
    MString expandEnvironmentVariablesAndTilde(MStatus *status = nullptr) const;
    bool operator==(const MString &other) const
    {
        return text_ == other.text_;
    }

  private:
    std::string text_;
};

namespace standin
{
/* What all of Maya's arrays have in common. Copies copy the items; what a function set returns by value may stand for
 * the array inside of it, so the items are held by a pointer. */
template <class T> class Array
{
  public:
    Array() : item_(std::make_shared<std::vector<T>>())
    {
    }
    Array(const T *values, unsigned int count) : item_(std::make_shared<std::vector<T>>(values, values + count))
    {
    }
    explicit Array(std::shared_ptr<std::vector<T>> inside) : item_(std::move(inside))
    {
    }
    Array(const Array &other) : item_(std::make_shared<std::vector<T>>(*other.item_))
    {
    }
    Array &operator=(const Array &other)
    {
        *item_ = *other.item_;
        return *this;
    }
    unsigned int length() const
    {
        return (unsigned int)item_->size();
    }
    MStatus setLength(unsigned int length)
    {
        item_->resize(length);
        return MS::kSuccess;
    }
    MStatus append(const T &value)
    {
        item_->push_back(value);
        return MS::kSuccess;
    }
    MStatus clear()
    {
        item_->clear();
        return MS::kSuccess;
    }
    T &operator[](unsigned int index)
    {
        return (*item_)[index];
    }
    const T &operator[](unsigned int index) const
    {
        return (*item_)[index];
    }

  private:
    std::shared_ptr<std::vector<T>> item_;
};
} // namespace standin

using MDoubleArray = standin::Array<double>;
using MIntArray = standin::Array<int>;

class MVector
{
  public:
    MVector(double ax = 0, double ay = 0, double az = 0) : x(ax), y(ay), z(az)
    {
    }
    MVector(const class MPoint &point);
    double x, y, z;
};
using MVectorArray = standin::Array<MVector>;

class MMatrix;
class MPoint
{
  public:
    MPoint(double ax = 0, double ay = 0, double az = 0, double aw = 1) : x(ax), y(ay), z(az), w(aw)
    {
    }
    MPoint operator*(const MMatrix &m) const;
    double x, y, z, w;
};

class MMatrix /* row vectors: p * m */
{
  public:
    double matrix[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    double *operator[](unsigned int row)
    {
        return matrix[row];
    }
    const double *operator[](unsigned int row) const
    {
        return matrix[row];
    }
};

class MColor
{
  public:
    MColor(float ar = 0, float ag = 0, float ab = 0, float aa = 1) : r(ar), g(ag), b(ab), a(aa)
    {
    }
    float r, g, b, a;
};
using MColorArray = standin::Array<MColor>;

class MSpace
{
  public:
    enum Space { kObject };
};

class MTime
{
  public:
    enum Unit { kSeconds };
    MTime(double value = 0, Unit = kSeconds) : seconds_(value)
    {
    }
    double as(Unit) const
    {
        return seconds_;
    }

  private:
    double seconds_;
};

class MTypeId
{
  public:
    MTypeId(unsigned int id = 0) : id_(id)
    {
    }
    bool operator==(const MTypeId &other) const
    {
        return id_ == other.id_;
    }

  private:
    unsigned int id_;
};

/* ---- objects ---- */

class MFn
{
  public:
    enum Type {
        kInvalid,
        kDependencyNode,
        kNumericAttribute,
        kUnitAttribute,
        kDoubleLinearAttribute,
        kDoubleAngleAttribute,
        kTimeAttribute,
        kTypedAttribute,
        kEnumAttribute,
        kCompoundAttribute,
        kMatrixAttribute,
        kMeshData,
        kNurbsCurveData,
        kDynArrayAttrsData
    };
};

class MObject
{
  public:
    MObject() = default;
    MObject(standin::Ref r) : ref(std::move(r))
    {
    }
    bool isNull() const
    {
        return !ref;
    }
    MFn::Type apiType() const;
    bool hasFn(MFn::Type type) const;
    bool operator==(const MObject &other) const
    {
        return ref == other.ref;
    }
    static MObject kNullObj;
    standin::Ref ref;
};
using MObjectArray = standin::Array<MObject>;

class MObjectHandle
{
  public:
    MObjectHandle() = default;
    MObjectHandle(const MObject &object) : object_(object.ref)
    {
    }
    bool isAlive() const
    {
        return !object_.expired();
    }
    bool isValid() const; /* and not deleted, in the hands of undo alone */
    MObject object() const
    {
        return MObject(object_.lock());
    }

  private:
    std::weak_ptr<standin::Object> object_;
};

class MDataHandle;
class MPlug;
using MPlugArray = standin::Array<MPlug>;

class MPlug
{
  public:
    MPlug();
    MPlug(const MObject &node, const MObject &attribute);
    MPlug(const standin::Plug &plug);
    bool isNull() const;
    MObject node() const;
    MObject attribute(MStatus *status = nullptr) const;
    bool isArray(MStatus *status = nullptr) const;
    bool isDynamic(MStatus *status = nullptr) const;
    bool isLocked(MStatus *status = nullptr) const;
    bool isConnected(MStatus *status = nullptr) const;
    bool isDestination(MStatus *status = nullptr) const;
    bool isDefaultValue(bool forceEvaluation = true, MStatus *status = nullptr) const; /* of a number */
    unsigned int numElements(MStatus *status = nullptr) const;
    MPlug elementByLogicalIndex(unsigned int index, MStatus *status = nullptr) const;
    MPlug elementByPhysicalIndex(unsigned int index, MStatus *status = nullptr) const;
    double asDouble(MStatus *status = nullptr) const;
    int asInt(MStatus *status = nullptr) const;
    short asShort(MStatus *status = nullptr) const;
    bool asBool(MStatus *status = nullptr) const;
    MString asString(MStatus *status = nullptr) const;
    MObject asMObject(MStatus *status = nullptr) const;
    MStatus setDouble(double value);
    MStatus setInt(int value);
    MStatus setBool(bool value);
    MStatus setString(const MString &value);
    MStatus setMObject(const MObject &value);
    bool operator==(const MObject &attribute) const;
    bool operator!=(const MObject &attribute) const
    {
        return !(*this == attribute);
    }
    std::shared_ptr<standin::Plug> plug;
};

/* ---- the data block ---- */

class MDataHandle
{
  public:
    MDataHandle() = default;
    MDataHandle(standin::Value *v, const standin::Attribute *a) : value(v), of(a)
    {
    }
    bool asBool() const;
    short asShort() const;
    int asInt() const;
    float asFloat() const;
    double asDouble() const;
    MString &asString() const;
    MTime asTime() const;
    MMatrix &asMatrix() const;
    MObject asMesh() const;
    MDataHandle child(const MObject &attribute);
    MStatus setMObject(const MObject &object);
    standin::Value *value = nullptr;
    const standin::Attribute *of = nullptr;
};

class MArrayDataHandle
{
  public:
    MArrayDataHandle(const MDataHandle &handle, MStatus *status = nullptr);
    unsigned int elementCount(MStatus *status = nullptr);
    unsigned int elementIndex(MStatus *status = nullptr);
    MStatus jumpToElement(unsigned int index);
    MStatus jumpToArrayElement(unsigned int position);
    MStatus next();
    MDataHandle inputValue(MStatus *status = nullptr);
    MDataHandle outputValue(MStatus *status = nullptr);

  private:
    MDataHandle array_;
    unsigned int position_ = 0;
};

class MDataBlock
{
  public:
    explicit MDataBlock(std::shared_ptr<void> v);
    MDataHandle inputValue(const MObject &attribute, MStatus *status = nullptr);
    MDataHandle outputValue(const MObject &attribute, MStatus *status = nullptr);
    MArrayDataHandle inputArrayValue(const MObject &attribute, MStatus *status = nullptr);
    MArrayDataHandle outputArrayValue(const MObject &attribute, MStatus *status = nullptr);
    MStatus setClean(const MObject &attribute);
    standin::Value *find(const MObject &attribute);
    std::shared_ptr<void> values; /* the node's, or a copy of them */
};

/* ---- attributes ---- */

class MFnData
{
  public:
    enum Type { kInvalid, kString, kMesh, kDynArrayAttrs };
};

class MFnNumericData
{
  public:
    enum Type { kInvalid, kBoolean, kInt, kFloat, kDouble };
};

class MFnBase
{
  public:
    MObject object(MStatus *status = nullptr) const
    {
        if (status)
            *status = MS::kSuccess;
        return object_;
    }
    virtual ~MFnBase() = default;
    virtual MStatus setObject(const MObject &object)
    {
        object_ = object;
        return object.isNull() ? MS::kFailure : MS::kSuccess;
    }

  protected:
    MObject object_;
};

class MFnAttribute : public MFnBase
{
  public:
    MFnAttribute() = default;
    explicit MFnAttribute(const MObject &object, MStatus *status = nullptr);
    MString name(MStatus *status = nullptr) const;
    MString niceNameOverride(MStatus *status = nullptr) const;
    MStatus setNiceNameOverride(const MString &name);
    MStatus setKeyable(bool state);
    MStatus setStorable(bool state);
    MStatus setHidden(bool state);
    MStatus setWritable(bool state);
    MStatus setConnectable(bool state);
    MStatus setInternal(bool state);
    MStatus setArray(bool state);
    MStatus setUsedAsFilename(bool state);
    bool isKeyable(MStatus *status = nullptr) const;
    MStatus addToCategory(const MString &category);
    bool hasCategory(const MString &category, MStatus *status = nullptr) const;

  protected:
    MObject make(const MString &name, const MString &brief, MFn::Type type);
    standin::Attribute &self() const;
};

class MFnNumericAttribute : public MFnAttribute
{
  public:
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, MFnNumericData::Type type,
                   double defaultValue = 0, MStatus *status = nullptr);
    MFnNumericData::Type unitType(MStatus *status = nullptr) const;
    /* Each fails unless the attribute is of its type. */
    MStatus setDefault(double value);
    MStatus setDefault(int value);
    MStatus setDefault(bool value);
    MStatus setMin(double value);
    MStatus setMax(double value);
};

class MFnUnitAttribute : public MFnAttribute
{
  public:
    enum Type { kInvalid, kAngle, kDistance, kTime };
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, Type type, double defaultValue = 0,
                   MStatus *status = nullptr);
    Type unitType(MStatus *status = nullptr) const;
    MStatus setDefault(double value);
    MStatus setMin(double value);
    MStatus setMax(double value);
    MStatus getMin(double &value) const;
    MStatus getMax(double &value) const;
};

class MFnTypedAttribute : public MFnAttribute
{
  public:
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, MFnData::Type type,
                   const MObject &defaultObject = MObject::kNullObj, MStatus *status = nullptr);
};

class MFnMatrixAttribute : public MFnAttribute
{
  public:
    enum Type { kDouble };
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, Type type = kDouble, MStatus *status = nullptr);
};

class MFnEnumAttribute : public MFnAttribute
{
  public:
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, short defaultValue = 0,
                   MStatus *status = nullptr);
    MStatus addField(const MString &name, short index);
    MString fieldName(short index, MStatus *status = nullptr) const;
    MStatus setDefault(short value);
};

class MFnCompoundAttribute : public MFnAttribute
{
  public:
    using MFnAttribute::MFnAttribute;
    MObject create(const MString &fullName, const MString &briefName, MStatus *status = nullptr);
    MStatus addChild(const MObject &child);
    MObject child(unsigned int index, MStatus *status = nullptr) const;
};

/* ---- nodes ---- */

class MFnDependencyNode : public MFnBase
{
  public:
    explicit MFnDependencyNode(const MObject &object, MStatus *status = nullptr);
    MString name(MStatus *status = nullptr) const;
    unsigned int attributeCount(MStatus *status = nullptr) const;
    MObject attribute(unsigned int index, MStatus *status = nullptr) const;
    MObject attribute(const MString &name, MStatus *status = nullptr) const;
    bool hasAttribute(const MString &name, MStatus *status = nullptr) const;
    MPlug findPlug(const MString &name, bool wantNetworkedPlug, MStatus *status = nullptr) const;
    MStatus addAttribute(const MObject &attribute); /* dynamic, and not to be undone */
    MStatus removeAttribute(const MObject &attribute);
};

class MEvaluationNode;
class MNodeCacheDisablingInfo;
class MNodeCacheSetupInfo
{
  public:
    enum PreferenceFlag { kWantToCacheByDefault };
    void setPreference(PreferenceFlag, bool)
    {
    }
};

class MPxNode
{
  public:
    enum Type { kDependNode, kDeformerNode };
    enum SchedulingType { kParallel, kDefaultScheduling = kParallel };
    MPxNode();
    virtual ~MPxNode();
    virtual void postConstructor()
    {
    }
    virtual MStatus compute(const MPlug &, MDataBlock &)
    {
        return MS::kUnknownParameter;
    }
    virtual MStatus setDependentsDirty(const MPlug &, MPlugArray &)
    {
        return MS::kSuccess;
    }
    virtual bool setInternalValue(const MPlug &, const MDataHandle &)
    {
        return false;
    }
    virtual void copyInternalData(MPxNode *)
    {
    }
    virtual SchedulingType schedulingType() const
    {
        return kDefaultScheduling;
    }
    virtual void getCacheSetup(const MEvaluationNode &, MNodeCacheDisablingInfo &, MNodeCacheSetupInfo &,
                               MObjectArray &) const
    {
    }
    MObject thisMObject() const;
    MString name() const;
    static MStatus addAttribute(const MObject &attribute);
    static MStatus attributeAffects(const MObject &when, const MObject &affected);
    standin::Node *node; /* set before the constructor runs */
};

class MItGeometry
{
  public:
    MItGeometry(standin::MeshData &mesh, const std::vector<unsigned int> *subset);
    bool isDone(MStatus *status = nullptr) const
    {
        if (status)
            *status = MS::kSuccess;
        return at_ >= count_;
    }
    MStatus next()
    {
        at_++;
        return MS::kSuccess;
    }
    MStatus reset()
    {
        at_ = 0;
        return MS::kSuccess;
    }
    int index(MStatus *status = nullptr) const;
    MPoint position(MSpace::Space space = MSpace::kObject, MStatus *status = nullptr) const;
    MStatus setPosition(const MPoint &point, MSpace::Space space = MSpace::kObject);

  private:
    standin::MeshData &mesh_;
    const std::vector<unsigned int> *subset_;
    unsigned int at_ = 0, count_;
};

#if MAYA_API_VERSION >= 20200000
class MIndexMapper
{
  public:
    using Index = unsigned int;
    Index affectCount() const
    {
        return (Index)affected.size();
    }
    Index affectToFull(Index i) const
    {
        return identity ? i : affected[i];
    }
    bool isIdentityMap() const
    {
        return identity;
    }
    std::vector<Index> affected;
    bool identity = true;
};
#endif

class MDagModifier;
class MPxGeometryFilter : public MPxNode
{
  public:
    virtual MStatus deform(MDataBlock &, MItGeometry &, const MMatrix &, unsigned int)
    {
        return MS::kSuccess;
    }
    virtual MStatus accessoryNodeSetup(MDagModifier &)
    {
        return MS::kSuccess;
    }
    MStatus compute(const MPlug &plug, MDataBlock &block) override;
    static MObject input, inputGeom, outputGeom, envelope;
};

class MPxDeformerNode : public MPxGeometryFilter
{
  public:
    float weightValue(MDataBlock &block, unsigned int geometry, unsigned int component);
#if MAYA_API_VERSION >= 20240000
    const float *envelopeWeights(MDataBlock &block, unsigned int geometry, unsigned int *numWeights = nullptr);
    const MIndexMapper &indexMapper(unsigned int geometry, MStatus *status = nullptr) const;
#endif
    static MObject weightList, weights;
};

class MFnMesh : public MFnBase
{
  public:
    explicit MFnMesh(const MObject &object, MStatus *status = nullptr);
    MStatus setObject(const MObject &object) override;
    int numVertices(MStatus *status = nullptr) const;
    const float *getRawPoints(MStatus *status) const;
    MStatus updateSurface();
    MStatus getTriangles(MIntArray &counts, MIntArray &vertices) const;
    MStatus getVertexColors(MColorArray &colors, const MString *colorSet = nullptr, MColor *unset = nullptr);

  private:
    const standin::MeshData &mesh() const;
};

class MFnArrayAttrsData : public MFnBase
{
  public:
    MFnArrayAttrsData() = default;
    explicit MFnArrayAttrsData(const MObject &object, MStatus *status = nullptr);
    MObject create(MStatus *status = nullptr);
    MVectorArray vectorArray(const MString &name, MStatus *status = nullptr);
    MDoubleArray doubleArray(const MString &name, MStatus *status = nullptr);
};

/* ---- changes that can be undone ---- */

class MDGModifier
{
  public:
    MDGModifier();
    virtual ~MDGModifier();
    MObject createNode(const MString &type, MStatus *status = nullptr);
    MStatus connect(const MPlug &source, const MPlug &destination);
    MStatus renameAttribute(const MObject &node, const MObject &attribute, const MString &newShortName,
                            const MString &newLongName);
    MStatus newPlugValueString(const MPlug &plug, const MString &value);
    MStatus doIt();
    MStatus undoIt();

  protected:
    std::unique_ptr<standin::Edits> edits_;
};

class MDagModifier : public MDGModifier
{
  public:
    MObject createNode(const MString &type, MObject parent = MObject::kNullObj, MStatus *status = nullptr);
};

/* ---- commands ---- */

class MSelectionList
{
  public:
    MStatus add(const MString &name);
    MStatus getDependNode(unsigned int index, MObject &node) const;
    MStatus getPlug(unsigned int index, MPlug &plug) const;
    std::vector<MPlug> item;
};

class MArgList
{
  public:
    std::vector<std::string> word;
};

class MSyntax
{
  public:
    enum MArgType { kNoArg, kLong, kDouble, kString };
    enum MObjectFormat { kSelectionList };
    MStatus addFlag(const char *shortName, const char *longName, MArgType type = kNoArg);
    void setObjectType(MObjectFormat format, unsigned int least, unsigned int most);
    void useSelectionAsDefault(bool use);
    void enableQuery(bool supports = true);
    struct Flag {
        std::string brief, full;
        MArgType type;
    };
    std::vector<Flag> flag;
    unsigned int least = 0, most = 0;
    bool query = false;
};

class MArgDatabase
{
  public:
    MArgDatabase(const MSyntax &syntax, const MArgList &list, MStatus *status = nullptr);
    bool isFlagSet(const char *flag, MStatus *status = nullptr) const;
    bool isQuery(MStatus *status = nullptr) const;
    MStatus getFlagArgument(const char *flag, unsigned int index, MString &value) const;
    MStatus getFlagArgument(const char *flag, unsigned int index, int &value) const;
    MStatus getFlagArgument(const char *flag, unsigned int index, double &value) const;
    MStatus getObjects(MSelectionList &list) const;

  private:
    const std::string *find(const char *flag) const;
    MSyntax syntax_;
    std::vector<std::pair<std::string, std::string>> set_; /* long name, value */
    std::vector<std::string> object_;
    bool query_ = false;
};

class MPxCommand
{
  public:
    virtual ~MPxCommand() = default;
    virtual MStatus doIt(const MArgList &)
    {
        return MS::kSuccess;
    }
    virtual MStatus undoIt()
    {
        return MS::kSuccess;
    }
    virtual MStatus redoIt()
    {
        return MS::kSuccess;
    }
    virtual bool isUndoable() const
    {
        return false;
    }
    MSyntax syntax() const;
    static void setResult(int value);
    static void setResult(const MString &value);
    static void appendToResult(const MString &value);
    static void clearResult();
    std::string standin_name;
};
using MCreatorFunction = void *();
using MInitializeFunction = MStatus();
using MCreateSyntaxFunction = MSyntax();

class MFnPlugin : public MFnBase
{
  public:
    explicit MFnPlugin(MObject &object, const char *vendor = "Unknown", const char *version = "Unknown",
                       const char *requiredApiVersion = "Any", MStatus *status = nullptr);
    MString loadPath(MStatus *status = nullptr) const;
    MStatus registerNode(const MString &type, const MTypeId &id, MCreatorFunction *creator,
                         MInitializeFunction *initialize, MPxNode::Type kind = MPxNode::kDependNode,
                         const MString *classification = nullptr);
    MStatus deregisterNode(const MTypeId &id);
    MStatus registerCommand(const MString &name, MCreatorFunction *creator, MCreateSyntaxFunction *syntax = nullptr);
    MStatus deregisterCommand(const MString &name);
};

class MGlobal
{
  public:
    enum MMayaState { kInteractive, kBatch };
    static MMayaState mayaState(MStatus *status = nullptr);
    static void displayWarning(const MString &text);
    static void displayError(const MString &text);
};

/* ---- messages ---- */

using MCallbackId = intptr_t;
class MMessage
{
  public:
    using MElapsedTimeFunction = void (*)(float elapsed, float last, void *data);
    static MStatus removeCallback(MCallbackId id);
};

class MTimerMessage : public MMessage
{
  public:
    static MCallbackId addTimerCallback(float period, MElapsedTimeFunction function, void *data = nullptr,
                                        MStatus *status = nullptr);
};

class MUserEventMessage : public MMessage
{
  public:
    static MStatus registerUserEvent(const MString &name);
    static bool isUserEvent(const MString &name);
    static MStatus deregisterUserEvent(const MString &name);
    static MStatus postUserEvent(const MString &name, void *data = nullptr);
};

#endif
