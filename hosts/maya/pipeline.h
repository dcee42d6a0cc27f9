/* pipeline.h - what whorlDeformer and whorlSample have in common: a pipeline file, its attributes on the node, and a
 * cook that needs nothing but the data block, so that any thread may run it while the pipeline is reloaded. */
#pragma once
#include "attributes.h"
#include <maya/MDGModifier.h>
#include <maya/MDataHandle.h>
#include <maya/MObjectHandle.h>
#include <maya/MPlug.h>
#include <maya/MPlugArray.h>
#include <maya/MPxNode.h>
#include <mutex>

namespace whorl
{
struct Inputs { /* static attributes of a node type, and what they move */
    MObject file, time, generation;
    std::vector<MObject> outputs;
    void create(const std::vector<MObject> &affected);
    MStatus connect_time(const MObject &node, MDGModifier &change) const; /* to the scene's */
};

struct Cook {                         /* what one evaluation sees, whatever is reloaded meanwhile */
    std::shared_ptr<Session> session; /* none: there is nothing to run */
    std::shared_ptr<const Layout> layout;
    std::vector<wh_setting> settings;
    double seconds;
    wh_view view(const float *position, size_t count, const std::vector<uint32_t> &triangles) const;
};

class Pipeline
{
  public:
    static std::vector<Pipeline *> all; /* [main] of nodes that are there, or in the hands of undo */
    static void tend_all();             /* [main] brings nodes up to date with their sessions */
    static void read_triangles(const MObject &mesh, std::vector<uint32_t> &out); /* none without a mesh */

    Pipeline(MPxNode &owner, const Inputs &inputs);
    ~Pipeline();
    void appear();                          /* [main] the node is there */
    void open(const std::string &file);     /* [main] */
    Cook begin(MDataBlock &block) const;    /* [any] */
    void complain(const std::string &text); /* [any] a warning, once */
    void mark(const MPlug &plug, MPlugArray &affected) const;
    MObject node() const; /* null: it is in the hands of undo */
    std::shared_ptr<Session> session() const;

  private:
    void tend(bool prune);
    MPxNode &owner_;
    const Inputs &inputs_;
    MObjectHandle handle_;
    std::shared_ptr<Session> session_;
    std::shared_ptr<const Layout> layout_;
    int serial_ = 0; /* of the session, when the node was tended */
    std::mutex said_lock_;
    std::string said_, pending_; /* the last warning; one that waits for the main thread */
};

/* What Maya asks of both node types. */
template <class Base> class Node : public Base
{
  public:
    explicit Node(const Inputs &inputs) : pipeline(*this, inputs), inputs_(inputs)
    {
    }
    void postConstructor() override
    {
        pipeline.appear();
    }
    MPxNode::SchedulingType schedulingType() const override
    {
        return MPxNode::kParallel;
    }
    bool setInternalValue(const MPlug &plug, const MDataHandle &handle) override
    {
        if (plug == inputs_.file)
            pipeline.open(handle.asString().asChar());
        return Base::setInternalValue(plug, handle); /* Maya keeps the name */
    }
    void copyInternalData(MPxNode *from) override
    {
        const auto session = static_cast<Node *>(from)->pipeline.session();
        pipeline.open(session ? session->file : "");
    }
    MStatus setDependentsDirty(const MPlug &plug, MPlugArray &affected) override
    {
        pipeline.mark(plug, affected);
        return Base::setDependentsDirty(plug, affected);
    }

  protected:
    Pipeline pipeline;

  private:
    const Inputs &inputs_;
};
} // namespace whorl
