/* sample.h - whorlSample: the points that a sampler of the pipeline makes of a mesh, as arrays for an instancer,
 * particles or MASH: position, id, winding, and the point attributes that the sampler carries. They are made in the
 * mesh's own space, so that ids stay while it moves, and put out in the world by its matrix. Without a mesh, or when
 * something is wrong, there are no points, and no failure. */
#pragma once
#include "pipeline.h"
#include <maya/MPxNode.h>

class WhorlSample : public MPxNode
{
  public:
    WhorlSample() : pipeline_(*this, inputs)
    {
    }
    void postConstructor() override;
    SchedulingType schedulingType() const override;
    bool setInternalValue(const MPlug &plug, const MDataHandle &handle) override;
    void copyInternalData(MPxNode *from) override;
    MStatus setDependentsDirty(const MPlug &plug, MPlugArray &affected) override;
    MStatus compute(const MPlug &plug, MDataBlock &block) override;
    void getCacheSetup(const MEvaluationNode &evaluation, MNodeCacheDisablingInfo &disabling,
                       MNodeCacheSetupInfo &setup, MObjectArray &monitored) const override;

    static void *create();
    static MStatus initialize();
    static const MTypeId id;
    static whorl::Inputs inputs;
    static MObject mesh, rest, matrix, sampler, points, count; /* inMesh, restMesh, inMatrix, … outPoints, outCount */

  private:
    bool run(whorl::Cook &cook, MDataBlock &block, wh_points &out) const;
    whorl::Pipeline pipeline_;
};
