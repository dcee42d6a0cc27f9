/* pipeline.h - what whorlDeformer and whorlSample have in common: a pipeline file, its attributes on the node, and a
 * cook that needs nothing but the data block, so that any thread may run it while the pipeline is reloaded. */
#pragma once
#include "attributes.h"
#include <maya/MDGModifier.h>
#include <maya/MObjectHandle.h>
#include <maya/MPlugArray.h>
#include <maya/MPxNode.h>
#include <mutex>

namespace whorl
{
struct Inputs { /* static attributes of a node type */
    MObject file, time, metres, generation;
    void create(const std::vector<MObject> &affected);
};

struct Cook {                         /* what one evaluation sees, whatever is reloaded meanwhile */
    std::shared_ptr<Session> session; /* none: there is nothing to run */
    std::shared_ptr<const Layout> layout;
    std::vector<wh_setting> settings;
    double seconds, metres;
    wh_view view(const float *position, size_t count, const std::vector<uint32_t> &triangles) const;
};

class Pipeline
{
  public:
    Pipeline(MPxNode &node, const Inputs &inputs);
    ~Pipeline();
    void appear();                          /* [main] the node is there: from postConstructor */
    void open(const std::string &file);     /* [main] */
    void tend(bool prune);                  /* [main] brings attributes and generation up to date with the session */
    Cook begin(MDataBlock &block) const;    /* [any] */
    void complain(const std::string &text); /* [any] a warning, once */
    /* For setDependentsDirty: what the pipeline's attributes move. */
    void mark(const MPlug &plug, const MObject &output, MPlugArray &affected) const;
    MObject node() const;
    std::shared_ptr<Session> session() const;

    static void tend_all(bool prune);         /* [main] */
    static Pipeline *of(const MObject &node); /* [main] NULL: not one of ours */
    static const std::vector<Pipeline *> &all();

  private:
    MPxNode &owner_;
    const Inputs &inputs_;
    MObjectHandle handle_;
    std::shared_ptr<Session> session_;
    std::shared_ptr<const Layout> layout_;
    int serial_ = 0; /* of the session, when the node was tended */
    double metres_ = 0;
    std::mutex said_lock_;
    std::string said_, pending_; /* the last warning; one that waits for the main thread */
};

MStatus connect_time(const MObject &node, const MObject &attribute, MDGModifier &change); /* to the scene's time */
/* Three indices each, counter-clockwise; none without a mesh. */
void read_triangles(const MObject &mesh, std::vector<uint32_t> &out);
/* values, or, where a unit is not a metre, a copy of them in metres. */
const float *scaled(const float *values, size_t count, double metres, std::vector<float> &copy);
} // namespace whorl
