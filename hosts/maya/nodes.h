/* nodes.h - the two nodes. Whatever is wrong with a pipeline, an evaluation never fails. */
#pragma once
#include "pipeline.h"
#include <maya/MPointArray.h>
#include <maya/MPxDeformerNode.h>

/* A pipeline's deformers on any geometry of Maya, with its painted weights and its envelope. */
class WhorlDeformer : public whorl::Node<MPxDeformerNode>
{
  public:
    WhorlDeformer();
    ~WhorlDeformer() override;
    MStatus accessoryNodeSetup(MDagModifier &change) override; /* connects the scene's time */
    MStatus deform(MDataBlock &block, MItGeometry &points, const MMatrix &world, unsigned int geometry) override;
    static MStatus initialize();
    static const MTypeId id;
    static whorl::Inputs inputs;

  private:
    struct Scratch { /* kept from cook to cook; a second cook at the same time has its own */
        std::vector<float> in, out, map, strength;
        std::vector<uint32_t> triangles;
        std::vector<unsigned> index;
        MPointArray positions;
    };
    bool run(whorl::Cook &cook, MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s);
    void read_members(MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s);
    MStatus write(MItGeometry &points, const float *in, float most, Scratch &s);
    std::atomic<Scratch *> scratch_{nullptr};
};

/* The points that a sampler of the pipeline makes of a mesh, as arrays for an instancer, particles or MASH. They are
 * made in the mesh's own space, so that ids stay while it moves, and put out in the world by its matrix. */
class WhorlSample : public whorl::Node<MPxNode>
{
  public:
    WhorlSample();
    MStatus compute(const MPlug &plug, MDataBlock &block) override;
    void getCacheSetup(const MEvaluationNode &evaluation, MNodeCacheDisablingInfo &disabling,
                       MNodeCacheSetupInfo &setup, MObjectArray &monitored) const override;
    static MStatus initialize();
    static const MTypeId id;
    static whorl::Inputs inputs;
    static MObject mesh, rest, matrix, sampler, points, count; /* inMesh, restMesh, inMatrix, sampler, outPoints … */

  private:
    bool run(whorl::Cook &cook, MDataBlock &block, wh_points &out) const;
};
