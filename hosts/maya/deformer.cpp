#include "nodes.h"
#include <maya/MArrayDataHandle.h>
#include <maya/MColorArray.h>
#include <maya/MDagModifier.h>
#include <maya/MFnMesh.h>
#include <maya/MIndexMapper.h>
#include <maya/MItGeometry.h>
#include <maya/MTypes.h>

const MTypeId WhorlDeformer::id(0x7A301); /* in the range for local use */
whorl::Inputs WhorlDeformer::inputs;

WhorlDeformer::WhorlDeformer() : Node(inputs)
{
}

WhorlDeformer::~WhorlDeformer()
{
    delete scratch_.load();
}

MStatus WhorlDeformer::initialize()
{
    inputs.create({outputGeom});
    return MS::kSuccess;
}

MStatus WhorlDeformer::accessoryNodeSetup(MDagModifier &change)
{
    return inputs.connect_time(thisMObject(), change);
}

MStatus WhorlDeformer::deform(MDataBlock &block, MItGeometry &points, const MMatrix &, unsigned int geometry)
{
    whorl::Cook cook = pipeline.begin(block);
    if (!cook.session || block.inputValue(envelope).asFloat() == 0)
        return MS::kSuccess;
    std::unique_ptr<Scratch> scratch(scratch_.exchange(nullptr));
    if (!scratch)
        scratch = std::make_unique<Scratch>();
    if (!run(cook, block, points, geometry, *scratch))
        pipeline.complain(wh_last_error());
    delete scratch_.exchange(scratch.release());
    return MS::kSuccess;
}

/* The mesh that comes in; null for other geometry. It is clean: Maya has just copied it to the output. */
static MObject mesh_in(MDataBlock &block, const MObject &input, const MObject &shape, unsigned geometry)
{
    MArrayDataHandle all = block.outputArrayValue(input);
    return all.jumpToElement(geometry) ? all.outputValue().child(shape).asMesh() : MObject();
}

/* What was painted, else the luminance of a colour set of that name, else 1. */
static void read_map(MDataBlock &block, const whorl::Layout::Map &map, const MObject &mesh, unsigned geometry,
                     unsigned count, float *out)
{
    MArrayDataHandle list = block.inputArrayValue(map.list);
    MColorArray colors;
    const MString name = map.name.c_str();
    std::fill(out, out + count, 1.0f);
    if (list.jumpToElement(geometry)) {
        MArrayDataHandle weights(list.inputValue().child(map.weights));
        const unsigned painted = weights.elementCount();
        for (unsigned i = 0; i < painted; i++, weights.next())
            if (weights.elementIndex() < count)
                out[weights.elementIndex()] = weights.inputValue().asFloat();
        if (painted)
            return;
    }
    if (!mesh.isNull() && MFnMesh(mesh).getVertexColors(colors, &name) && colors.length() == count)
        for (unsigned i = 0; i < count; i++)
            out[i] = 0.2126f * colors[i].r + 0.7152f * colors[i].g + 0.0722f * colors[i].b;
}

static void read_positions(MItGeometry &points, MPointArray &positions, std::vector<float> &out)
{
    points.allPositions(positions);
    out.resize((size_t)positions.length() * 3);
    for (unsigned i = 0; i < positions.length(); i++)
        for (unsigned k = 0; k < 3; k++)
            out[3 * (size_t)i + k] = (float)positions[i][k];
}

/* A pipeline sees the whole mesh, even where it moves a part: its normals and its inside are the mesh's. */
bool WhorlDeformer::run(whorl::Cook &cook, MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s)
{
    const MObject mesh = mesh_in(block, input, inputGeom, geometry);
    const float *in = mesh.isNull() ? nullptr : MFnMesh(mesh).getRawPoints(nullptr);
    unsigned count = mesh.isNull() ? 0 : (unsigned)MFnMesh(mesh).numVertices();
    if (mesh.isNull()) {
        read_positions(points, s.positions, s.in);
        in = s.in.data(), count = s.positions.length();
    }
    whorl::Pipeline::read_triangles(cook.session->needs_mesh ? mesh : MObject(), s.triangles);
    wh_view view = cook.view(in, count, s.triangles);
    std::vector<wh_attribute> attributes;
    s.map.resize((size_t)count * cook.layout->maps.size());
    for (const whorl::Layout::Map &map : cook.layout->maps) {
        float *to = s.map.data() + count * attributes.size();
        read_map(block, map, mesh, geometry, count, to);
        attributes.push_back({map.name.c_str(), to, 0});
    }
    view.attribute = attributes.data();
    view.attribute_count = (uint32_t)attributes.size();
    s.out.resize((size_t)count * 3);
    if (wh_deform(cook.session->handle, &view, cook.seconds, s.out.data()) != WH_OK)
        return false;
    read_members(block, points, geometry, s);
    if (mesh.isNull()) /* what came in was the members alone */
        s.index.clear();
    return write(points, in, block.inputValue(envelope).asFloat(), s);
}

/* Which points move, and how far each; empty: all of them, and all the way. */
void WhorlDeformer::read_members(MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s)
{
    s.index.clear();
    s.strength.clear();
#if MAYA_API_VERSION >= 20240000
    unsigned count = 0;
    const MIndexMapper &members = indexMapper(geometry);
    const float *painted = envelopeWeights(block, geometry, &count);
    if (painted)
        s.strength.assign(painted, painted + count);
    for (unsigned i = 0; !members.isIdentityMap() && i < members.affectCount(); i++)
        s.index.push_back(members.affectToFull(i));
    (void)points;
#else
    for (points.reset(); !points.isDone(); points.next()) {
        s.index.push_back((unsigned)points.index());
        s.strength.push_back(weightValue(block, geometry, s.index.back()));
    }
    points.reset();
#endif
}

MStatus WhorlDeformer::write(MItGeometry &points, const float *in, float most, Scratch &s)
{
    const unsigned moved = (unsigned)points.exactCount();
    s.positions.setLength(moved);
    MPoint *to = moved ? &s.positions[0] : nullptr;
    for (unsigned i = 0; i < moved; i++) {
        const size_t p = 3 * (size_t)(i < s.index.size() ? s.index[i] : i);
        const float strength = i < s.strength.size() ? most * s.strength[i] : most;
        const float *from = in + p, *out = s.out.data() + p;
        to[i] = strength == 1 ? MPoint(out[0], out[1], out[2])
                              : MPoint(from[0] + (out[0] - from[0]) * strength, from[1] + (out[1] - from[1]) * strength,
                                       from[2] + (out[2] - from[2]) * strength);
    }
    return points.setAllPositions(s.positions);
}
