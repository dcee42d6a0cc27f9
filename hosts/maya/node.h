/* node.h - what whorlDeformer and whorlSample have in common: a pipeline file, its parameters as attributes, and cooks
 * that need nothing but the data block, so that any thread may run one while the pipeline is reloaded.
 *
 * Lengths are distances and angles are angles of Maya's. A unit of the scene counts as a metre: the numbers of a mesh
 * are the numbers that whorl sees, and the same mesh gives the same points, to the bit, in every host. */
#pragma once
#include "whorl.h"
#include <atomic>
#include <map>
#include <maya/MDGModifier.h>
#include <maya/MDataBlock.h>
#include <maya/MDataHandle.h>
#include <maya/MFnAttribute.h>
#include <maya/MFnPlugin.h>
#include <maya/MIntArray.h>
#include <maya/MObjectHandle.h>
#include <maya/MPlug.h>
#include <maya/MPlugArray.h>
#include <maya/MPxNode.h>
#include <maya/MTypeId.h>
#include <memory>
#include <string>
#include <vector>

namespace whorl
{
using Session = std::shared_ptr<wh_session>;
const MTypeId deformer_id(0x7A301), sample_id(0x7A302); /* in the range for local use */
MStatus register_deformer(MFnPlugin &plugin);
MStatus register_sample(MFnPlugin &plugin);

enum Kind : int; /* of attribute */

struct Layout {   /* what a cook reads of its node; never changed, only replaced */
    struct Slot { /* one component of a parameter */
        std::string id;
        unsigned component;
        Kind kind;
        MObject attribute;
    };
    struct Map { /* NAMEMapList[geometry].NAMEMap[point], as Maya has weightList[].weights[] */
        std::string name;
        MObject list, weights;
    };
    Session session;
    MObject time;
    bool needs_mesh;
    std::vector<Slot> slots;
    std::vector<Map> maps;
    /* Gives the node the attributes that the pipeline asks for. Values, keys and connections stay; what nobody has
     * touched follows the file. Only with settle are attributes renamed, or replaced by those of another type: a scene
     * that is being read still names them. [main] */
    Layout(const MObject &node, const Session &of, bool settle);
    void prune(const MObject &node) const;                 /* [main] of what nobody wants, and nobody has touched */
    std::vector<wh_setting> read(MDataBlock &block) const; /* [any] lasts as long as the layout */
};

class Node /* [main] but for what says otherwise */
{
  public:
    static std::map<std::string, Session> sessions; /* a file is open once, for all the nodes that name it */
    static bool take_over(double seconds); /* what was saved; waits so long for it; true: results may be others */
    static bool exists();                  /* there is a node of ours */
    static Session session_of(const MObject &node);
    static void connect_time(const MObject &node, MDGModifier &change); /* to the scene's, if there is one */
    static MStatus add_inputs(const MObject &output);                   /* pipeline, time, generation */

  protected:
    explicit Node(MPxNode &self) : self_(self)
    {
    }
    ~Node();
    void appear();
    void open(const std::string &file);
    void complain(const std::string &text) const; /* [any] a warning, once */
    std::string file_;                            /* that is open */

  private:
    friend class Cook;
    bool tend(bool settle);
    static std::vector<Node *> all_; /* those that undo holds too */
    MPxNode &self_;
    MObjectHandle handle_;
    Session session_;
    uint64_t revision_ = 0;                /* of the session, when the layout was made */
    bool settled_ = false;                 /* the layout was */
    std::shared_ptr<const Layout> layout_; /* none: there is nothing to run */
    mutable std::atomic<size_t> said_{0};  /* a hash of the last complaint */
};

class Cook /* one evaluation: what it sees stays as it is, whatever is reloaded meanwhile. [any] */
{
  public:
    Cook(const Node &node, MDataBlock &block);
    Cook(const Cook &) = delete;
    void look_at(const MObject &mesh, bool triangles);                         /* which must last as long as the cook */
    void read_maps(MDataBlock &block, unsigned geometry, const MObject &mesh); /* of the points that it looks at */
    std::shared_ptr<const Layout> layout;
    wh_view view = {};
    double seconds = 0;

  private:
    std::vector<wh_setting> settings_;
    std::vector<std::vector<float>> maps_;
    std::vector<wh_attribute> attributes_;
    MIntArray counts_, triangles_;
};

/* What Maya asks of both node types. */
template <class Base> class Typed : public Base, public Node
{
  public:
    explicit Typed(const MObject &output) : Node(static_cast<MPxNode &>(*this)), output_(output)
    {
    }
    void postConstructor() override
    {
        appear();
    }
    MPxNode::SchedulingType schedulingType() const override
    {
        return MPxNode::kParallel;
    }
    bool setInternalValue(const MPlug &plug, const MDataHandle &handle) override
    {
        if (MFnAttribute(plug.attribute()).name() == "pipeline")
            open(handle.asString().expandEnvironmentVariablesAndTilde().asChar());
        return Base::setInternalValue(plug, handle); /* Maya keeps the name */
    }
    void copyInternalData(MPxNode *from) override
    {
        open(static_cast<Typed *>(from)->file_);
    }
    MStatus setDependentsDirty(const MPlug &plug, MPlugArray &affected) override
    {
        const MPlug out(this->thisMObject(), output_);
        if (plug.isDynamic())
            affected.append(out);
        for (unsigned k = 0; plug.isDynamic() && out.isArray() && k < out.numElements(); k++)
            affected.append(out.elementByPhysicalIndex(k));
        return Base::setDependentsDirty(plug, affected);
    }

  private:
    const MObject &output_;
};
} // namespace whorl
