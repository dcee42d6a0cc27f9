/* deformer.cpp - whorlDeformer: a pipeline's deformers on any geometry of Maya, with its painted weights and its
 * envelope. Whatever is wrong, an evaluation never fails: points pass through. */
#include "node.h"
#include <algorithm>
#include <maya/MArrayDataHandle.h>
#include <maya/MColorArray.h>
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
    Floats weights_of(MDataBlock &block, const std::vector<unsigned> &part, unsigned geometry, size_t count);
    static void *create()
    {
        return new WhorlDeformer;
    }
    static MStatus initialize()
    {
        return add_inputs(outputGeom), MS::kSuccess;
    }
};

/* A mesh in an array of geometry; null: it is of another kind. What came in is clean: Maya has just copied it. */
MObject mesh_at(MArrayDataHandle array, unsigned geometry, const MObject &child)
{
    if (!array.jumpToElement(geometry))
        return MObject();
    return child.isNull() ? array.outputValue().asMesh() : array.outputValue().child(child).asMesh();
}

/* What was painted, else the luminance of a colour set of that name, else 1. */
Floats read_map(MDataBlock &block, const whorl::Layout::Map &map, const MObject &mesh, unsigned geometry, size_t count)
{
    MArrayDataHandle list = block.inputArrayValue(map.list);
    MColorArray colors;
    const MString name = map.name.c_str();
    Floats weight(count, 1);
    if (list.jumpToElement(geometry)) {
        MArrayDataHandle at(list.inputValue().child(map.weights));
        for (unsigned i = 0; i < at.elementCount(); i++, at.next())
            if (at.elementIndex() < count)
                weight[at.elementIndex()] = at.inputValue().asFloat();
    } else if (!mesh.isNull() && MFnMesh(mesh).getVertexColors(colors, &name) && colors.length() == count) {
        for (unsigned i = 0; i < count; i++)
            weight[i] = 0.2126f * colors[i].r + 0.7152f * colors[i].g + 0.0722f * colors[i].b;
    }
    return weight;
}
} // namespace

/* How far each point of the geometry goes, by envelope, membership and paint. Empty: all the way. */
Floats WhorlDeformer::weights_of(MDataBlock &block, const std::vector<unsigned> &part, unsigned geometry, size_t count)
{
    const float most = block.inputValue(envelope).asFloat();
    Floats weight(count, 0);
#if MAYA_API_VERSION >= 20240000
    const float *painted = envelopeWeights(block, geometry);
    const MIndexMapper &members = indexMapper(geometry);
    const bool all = members.isIdentityMap();
    if (!painted && most == 1 && all)
        return {};
    for (unsigned i = 0; i < (all ? count : members.affectCount()); i++)
        if (const unsigned point = all ? i : members.affectToFull(i); point < count)
            weight[point] = painted ? most * painted[i] : most;
    (void)part;
#else
    for (const unsigned i : part)
        weight[i] = most * weightValue(block, geometry, i);
#endif
    return weight;
}

/* A pipeline sees the whole mesh, even where it moves a part: its normals and its inside are the mesh's. It writes
 * right where the points go out. Points of other geometry are copied to and fro. */
MStatus WhorlDeformer::deform(MDataBlock &block, MItGeometry &points, const MMatrix &, unsigned geometry)
{
    whorl::Cook cook(*this, block);
    if (!cook.layout || points.isDone() || block.inputValue(envelope).asFloat() == 0)
        return MS::kSuccess;
    points.setPosition(points.position()); /* Maya gives the output points of its own, and knows that they move */
    const MObject mesh = mesh_at(block.outputArrayValue(input), geometry, inputGeom);
    const MObject made = mesh_at(block.outputArrayValue(outputGeom), geometry, MObject());
    float *out = nullptr;
    if (!mesh.isNull() && !made.isNull()) {
        cook.look_at(mesh, cook.layout->needs_mesh);
        out = const_cast<float *>(MFnMesh(made).getRawPoints(nullptr));
    }
    const bool direct = out && out != cook.view.position;
    Floats in, copy;
    std::vector<unsigned> part;
    for (; (!direct || MAYA_API_VERSION < 20240000) && !points.isDone(); points.next()) {
        const size_t i = (size_t)points.index();
        const MPoint p = points.position();
        part.push_back((unsigned)i);
        if (!direct)
            in.resize(std::max(in.size(), 3 * i + 3)), in[3 * i] = (float)p.x, in[3 * i + 1] = (float)p.y,
                                                              in[3 * i + 2] = (float)p.z;
    }
    wh_view &view = cook.view;
    if (!direct) {
        copy.resize(in.size());
        out = copy.data();
        view.position = in.data();
        view.point_count = (uint32_t)(in.size() / 3);
        view.triangle_count = 0;
    }
    const Floats weight = weights_of(block, part, geometry, view.point_count);
    std::vector<Floats> maps;
    std::vector<wh_attribute> attributes;
    for (const whorl::Layout::Map &map : cook.layout->maps) {
        maps.push_back(read_map(block, map, mesh, geometry, view.point_count));
        attributes.push_back({map.name.c_str(), maps.back().data(), 0});
    }
    view.weight = weight.empty() ? nullptr : weight.data();
    view.attribute = attributes.data();
    view.attribute_count = (uint32_t)attributes.size();
    if (wh_deform(cook.layout->session.get(), &view, cook.seconds, out) != WH_OK) {
        complain(wh_last_error());
        std::copy(view.position, view.position + 3 * (size_t)view.point_count, out);
    }
    for (points.reset(); !direct && !points.isDone(); points.next()) {
        const float *p = out + 3 * (size_t)points.index();
        points.setPosition(MPoint(p[0], p[1], p[2]));
    }
    if (direct)
        MFnMesh(made).updateSurface();
    return MS::kSuccess;
}

MStatus whorl::register_deformer(MFnPlugin &plugin)
{
    return plugin.registerNode("whorlDeformer", deformer_id, WhorlDeformer::create, WhorlDeformer::initialize,
                               MPxNode::kDeformerNode);
}
