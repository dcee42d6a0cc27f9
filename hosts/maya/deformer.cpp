/* deformer.cpp - whorlDeformer: a pipeline's deformers on any geometry of Maya, with its painted weights and its
 * envelope. Whatever is wrong, an evaluation never fails: points pass through. */
#include "node.h"
#include <algorithm>
#include <maya/MArrayDataHandle.h>
#include <maya/MFnMesh.h>
#include <maya/MIndexMapper.h>
#include <maya/MItGeometry.h>
#include <maya/MPoint.h>
#include <maya/MPxDeformerNode.h>
#include <maya/MTypes.h>

namespace
{
using Floats = std::vector<float>;

class WhorlDeformer : public whorl::Typed<MPxDeformerNode>
{
  public:
    WhorlDeformer() : Typed(outputGeom)
    {
    }
    MStatus accessoryNodeSetup(MDagModifier &change) override
    {
        return connect_time(thisMObject(), change), MS::kSuccess;
    }
    MStatus deform(MDataBlock &block, MItGeometry &points, const MMatrix &, unsigned geometry) override;

  private:
    Floats weights_of(MDataBlock &block, MItGeometry &points, unsigned geometry, unsigned count);
};

/* A mesh in an array of geometry; null: it is of another kind. What came in is clean: Maya has just copied it. */
MObject mesh_at(MArrayDataHandle array, unsigned geometry, const MObject &child)
{
    if (!array.jumpToElement(geometry))
        return MObject();
    return child.isNull() ? array.outputValue().asMesh() : array.outputValue().child(child).asMesh();
}

/* By point of the whole; those that are no members, and cannot be read, are 0. */
Floats read_points(MItGeometry &points)
{
    Floats in;
    for (points.reset(); !points.isDone(); points.next()) {
        const size_t i = 3 * (size_t)points.index();
        const MPoint p = points.position();
        in.resize(std::max(in.size(), i + 3));
        in[i] = (float)p.x, in[i + 1] = (float)p.y, in[i + 2] = (float)p.z;
    }
    return in;
}

void write_points(MItGeometry &points, const float *from)
{
    for (points.reset(); !points.isDone(); points.next()) {
        const float *p = from + 3 * (size_t)points.index();
        points.setPosition(MPoint(p[0], p[1], p[2]));
    }
}
} // namespace

/* How far each point of the whole goes, by envelope, membership and paint. Empty: all the way. */
Floats WhorlDeformer::weights_of(MDataBlock &block, MItGeometry &points, unsigned geometry, unsigned count)
{
    const float most = block.inputValue(envelope).asFloat();
    Floats weight(count, 0);
#if MAYA_API_VERSION >= 20240000
    unsigned given = count;
    const float *painted = envelopeWeights(block, geometry, &given);
    const MIndexMapper &members = indexMapper(geometry);
    const bool all = members.isIdentityMap();
    if (!painted && most == 1 && all)
        return {};
    for (unsigned i = 0; i < (all ? count : members.affectCount()); i++)
        if (const unsigned point = all ? i : members.affectToFull(i); point < count)
            weight[point] = painted && i < given ? most * painted[i] : most;
    (void)points;
#else
    for (points.reset(); !points.isDone(); points.next())
        weight[(unsigned)points.index()] = most * weightValue(block, geometry, (unsigned)points.index());
#endif
    return weight;
}

/* A pipeline sees the whole mesh, even where it moves a part: its normals and its inside are the mesh's. It writes
 * right where the points go out, if those are the output's own. */
MStatus WhorlDeformer::deform(MDataBlock &block, MItGeometry &points, const MMatrix &, unsigned geometry)
{
    whorl::Cook cook(*this, block);
    wh_view &view = cook.view;
    if (!cook.layout || points.isDone() || block.inputValue(envelope).asFloat() == 0)
        return MS::kSuccess;
    points.setPosition(points.position()); /* Maya gives the output points of its own, and knows that they move */
    const MObject mesh = mesh_at(block.outputArrayValue(input), geometry, inputGeom);
    const MObject made = mesh_at(block.outputArrayValue(outputGeom), geometry, MObject());
    const Floats in = mesh.isNull() ? read_points(points) : Floats();
    view.position = in.data();
    view.point_count = (uint32_t)(in.size() / 3);
    if (!mesh.isNull())
        cook.look_at(mesh, cook.layout->needs_mesh);
    cook.read_maps(block, geometry, mesh);
    const Floats weight = weights_of(block, points, geometry, view.point_count);
    view.weight = weight.empty() ? nullptr : weight.data();
    float *out = made.isNull() ? nullptr : const_cast<float *>(MFnMesh(made).getRawPoints(nullptr));
    const bool direct = out && out != view.position;
    Floats copy(direct ? 0 : 3 * (size_t)view.point_count);
    if (!direct)
        out = copy.data();
    if (wh_deform(cook.layout->session.get(), &view, cook.seconds, out) != WH_OK) {
        complain(wh_last_error());
        std::copy(view.position, view.position + 3 * (size_t)view.point_count, out);
    }
    if (direct)
        MFnMesh(made).updateSurface();
    else
        write_points(points, out);
    return MS::kSuccess;
}

MStatus whorl::register_deformer(MFnPlugin &plugin)
{
    return plugin.registerNode(
        "whorlDeformer", deformer_id, [] { return (void *)new WhorlDeformer; },
        [] { return Node::add_inputs(MPxGeometryFilter::outputGeom); }, MPxNode::kDeformerNode);
}
