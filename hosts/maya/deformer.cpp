#include "deformer.h"
#include <maya/MArrayDataHandle.h>
#include <maya/MColorArray.h>
#include <maya/MDagModifier.h>
#include <maya/MDataBlock.h>
#include <maya/MDataHandle.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnMesh.h>
#include <maya/MIndexMapper.h>
#include <maya/MIntArray.h>
#include <maya/MItGeometry.h>
#include <maya/MPlug.h>
#include <maya/MSelectionList.h>
#include <maya/MTypes.h>

const MTypeId WhorlDeformer::id(0x7A301); /* in the range for local use */
whorl::Inputs WhorlDeformer::inputs;

void *WhorlDeformer::create()
{
    return new WhorlDeformer;
}

MStatus WhorlDeformer::initialize()
{
    inputs.create({outputGeom});
    return MS::kSuccess;
}

WhorlDeformer::~WhorlDeformer()
{
    delete scratch_.load();
}

void WhorlDeformer::postConstructor()
{
    pipeline_.appear();
}

MPxNode::SchedulingType WhorlDeformer::schedulingType() const
{
    return kParallel;
}

bool WhorlDeformer::setInternalValue(const MPlug &plug, const MDataHandle &handle)
{
    if (plug == inputs.file)
        pipeline_.open(handle.asString().asChar());
    return MPxDeformerNode::setInternalValue(plug, handle);
}

void WhorlDeformer::copyInternalData(MPxNode *from)
{
    const auto session = static_cast<WhorlDeformer *>(from)->pipeline_.session();
    if (session)
        pipeline_.open(session->file);
}

MStatus WhorlDeformer::setDependentsDirty(const MPlug &plug, MPlugArray &affected)
{
    pipeline_.mark(plug, outputGeom, affected);
    return MPxDeformerNode::setDependentsDirty(plug, affected);
}

MStatus WhorlDeformer::accessoryNodeSetup(MDagModifier &change)
{
    return whorl::connect_time(thisMObject(), inputs.time, change);
}

/* ---- a cook ---- */

std::unique_ptr<WhorlDeformer::Scratch> WhorlDeformer::take()
{
    std::unique_ptr<Scratch> scratch(scratch_.exchange(nullptr));
    return scratch ? std::move(scratch) : std::make_unique<Scratch>();
}

void WhorlDeformer::put_back(std::unique_ptr<Scratch> scratch)
{
    delete scratch_.exchange(scratch.release());
}

MStatus WhorlDeformer::deform(MDataBlock &block, MItGeometry &points, const MMatrix &, unsigned int geometry)
{
    if (block.inputValue(envelope).asFloat() == 0)
        return MS::kSuccess;
    whorl::Cook cook = pipeline_.begin(block);
    if (!cook.session)
        return MS::kSuccess;
    std::unique_ptr<Scratch> scratch = take();
    if (!run(cook, block, points, geometry, *scratch))
        pipeline_.complain(wh_last_error());
    put_back(std::move(scratch));
    return MS::kSuccess;
}

/* The mesh that comes in, as it is; none for other geometry. It is clean: Maya has just copied it to the output. */
static MObject mesh_in(MDataBlock &block, const MObject &input, const MObject &shape, unsigned geometry)
{
    MArrayDataHandle all = block.outputArrayValue(input);
    return all.jumpToElement(geometry) ? all.outputValue().child(shape).asMesh() : MObject();
}

static void read_positions(MItGeometry &points, MPointArray &positions, std::vector<float> &out)
{
    points.allPositions(positions);
    out.resize((size_t)positions.length() * 3);
    for (unsigned i = 0; i < positions.length(); i++)
        for (unsigned k = 0; k < 3; k++)
            out[3 * (size_t)i + k] = (float)positions[i][k];
}

/* A weight map that was painted, else the luminance of a colour set of that name; false: neither, which is 1. */
static bool read_map(MDataBlock &block, const whorl::Map &map, const MObject &mesh, unsigned geometry, size_t count,
                     float *out)
{
    MArrayDataHandle list = block.inputArrayValue(map.list);
    std::fill(out, out + count, 1.0f);
    if (list.jumpToElement(geometry)) {
        MArrayDataHandle weights(list.inputValue().child(map.weights));
        const unsigned painted = weights.elementCount();
        for (unsigned i = 0; i < painted; i++, weights.next())
            if (weights.elementIndex() < count)
                out[weights.elementIndex()] = weights.inputValue().asFloat();
        if (painted)
            return true;
    }
    MColorArray colors;
    const MString name = map.name.c_str();
    if (mesh.isNull() || !MFnMesh(mesh).getVertexColors(colors, &name) || colors.length() != count)
        return false;
    for (unsigned i = 0; i < count; i++)
        out[i] = 0.2126f * colors[i].r + 0.7152f * colors[i].g + 0.0722f * colors[i].b;
    return true;
}

namespace
{
/* Which points of the geometry a deformer moves, and how far each. */
class Members
{
  public:
    Members(WhorlDeformer &node, MDataBlock &block, MItGeometry &points, unsigned geometry)
        : strength_(block.inputValue(MPxGeometryFilter::envelope).asFloat())
    {
#if MAYA_API_VERSION >= 20240000
        mapper_ = &node.indexMapper(geometry);
        weights_ = node.envelopeWeights(block, geometry, &weight_count_);
        (void)points;
#else
        for (; !points.isDone(); points.next()) {
            index_.push_back((unsigned)points.index());
            weight_.push_back(node.weightValue(block, geometry, index_.back()));
        }
        points.reset();
        weights_ = weight_.data();
        weight_count_ = (unsigned)weight_.size();
#endif
    }

    size_t point(unsigned i) const
    {
#if MAYA_API_VERSION >= 20240000
        return mapper_->affectToFull(i);
#else
        return index_[i];
#endif
    }

    float strength(unsigned i) const
    {
        return weights_ && i < weight_count_ ? strength_ * weights_[i] : strength_;
    }

  private:
    float strength_;
    const float *weights_ = nullptr;
    unsigned weight_count_ = 0;
#if MAYA_API_VERSION >= 20240000
    const MIndexMapper *mapper_;
#else
    std::vector<unsigned> index_;
    std::vector<float> weight_;
#endif
};
} // namespace

bool WhorlDeformer::run(whorl::Cook &cook, MDataBlock &block, MItGeometry &points, unsigned geometry, Scratch &s)
{
    const MObject mesh = mesh_in(block, input, inputGeom, geometry);
    const unsigned moved = (unsigned)points.exactCount();
    const float *in;
    size_t count;
    if (mesh.isNull()) {
        read_positions(points, s.positions, s.in);
        in = s.in.data(), count = moved;
    } else {
        const MFnMesh fn(mesh);
        in = fn.getRawPoints(nullptr), count = (size_t)fn.numVertices();
    }
    whorl::read_triangles(cook.session->needs_mesh ? mesh : MObject(), s.triangles);
    const float *at = whorl::scaled(in, count * 3, cook.metres, s.scaled);
    s.map.resize(count * cook.layout->maps.size());
    std::vector<wh_attribute> attributes;
    for (size_t i = 0; i < cook.layout->maps.size(); i++) {
        read_map(block, cook.layout->maps[i], mesh, geometry, count, &s.map[i * count]);
        attributes.push_back({cook.layout->maps[i].name.c_str(), &s.map[i * count], 0});
    }
    wh_view view = cook.view(at, count, s.triangles);
    view.attribute = attributes.data();
    view.attribute_count = (uint32_t)attributes.size();
    s.out.resize(count * 3);
    if (wh_deform(cook.session->handle(), &view, cook.seconds, s.out.data()) != WH_OK)
        return false;

    const Members members(*this, block, points, geometry);
    s.positions.setLength(moved);
    for (unsigned i = 0; i < moved; i++) {
        const size_t p = mesh.isNull() ? i : members.point(i);
        const float strength = members.strength(i);
        for (unsigned k = 0; k < 3; k++) {
            const float from = in[3 * p + k],
                        to = cook.metres == 1 ? s.out[3 * p + k] : (float)(s.out[3 * p + k] / cook.metres);
            s.positions[i][k] = strength == 1 ? to : from + (to - from) * strength;
        }
        s.positions[i].w = 1;
    }
    return points.setAllPositions(s.positions) == MS::kSuccess;
}
