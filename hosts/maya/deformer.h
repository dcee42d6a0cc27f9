/* deformer.h - whorlDeformer: a pipeline's deformers on any geometry of Maya, with its painted weights and its
 * envelope. Whatever is wrong with the pipeline, an evaluation never fails: the points go through as they are. */
#pragma once
#include "pipeline.h"
#include <maya/MPointArray.h>
#include <maya/MPxDeformerNode.h>

class WhorlDeformer : public MPxDeformerNode
{
  public:
    WhorlDeformer() : pipeline_(*this, inputs)
    {
    }
    ~WhorlDeformer() override;
    void postConstructor() override;
    SchedulingType schedulingType() const override;
    bool setInternalValue(const MPlug &plug, const MDataHandle &handle) override;
    void copyInternalData(MPxNode *from) override;
    MStatus setDependentsDirty(const MPlug &plug, MPlugArray &affected) override;
    MStatus accessoryNodeSetup(MDagModifier &change) override; /* connects the scene's time */
    MStatus deform(MDataBlock &block, MItGeometry &points, const MMatrix &world, unsigned int geometry) override;

    static void *create();
    static MStatus initialize();
    static const MTypeId id;
    static whorl::Inputs inputs;

  private:
    struct Scratch { /* kept from cook to cook; a second cook at the same time has its own */
        std::vector<float> in, scaled, out, map;
        std::vector<uint32_t> triangles;
        MPointArray positions;
    };
    std::unique_ptr<Scratch> take();
    void put_back(std::unique_ptr<Scratch> scratch);
    bool run(whorl::Cook &cook, MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s);

    whorl::Pipeline pipeline_;
    std::atomic<Scratch *> scratch_{nullptr};
};
