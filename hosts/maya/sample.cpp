/* sample.cpp - whorlSample: the points that a sampler of the pipeline makes of a mesh, as arrays for an instancer,
 * particles or MASH. They are made in the mesh's own space, so that ids stay while it moves, and put out in the world.
 */
#include "node.h"
#include <maya/MDoubleArray.h>
#include <maya/MFnArrayAttrsData.h>
#include <maya/MFnMatrixAttribute.h>
#include <maya/MFnMesh.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MMatrix.h>
#include <maya/MNodeCacheSetupInfo.h>
#include <maya/MPoint.h>
#include <maya/MVector.h>
#include <maya/MVectorArray.h>

namespace
{
MObject in_mesh, rest_mesh, in_matrix, sampler, out_points;

template <class Value> void fill(MFnArrayAttrsData &to, const char *name, unsigned count, const Value &value)
{
    MDoubleArray array = to.doubleArray(name); /* the one inside */
    array.setLength(count);
    for (unsigned i = 0; i < count; i++)
        array[i] = (double)value(i);
}

/* A double holds 53 bits of an id, which is enough for an instancer; idLow and idHigh are all of it. */
void write(const wh_points &from, const MMatrix &world, MFnArrayAttrsData &to)
{
    MVectorArray position = to.vectorArray("position");
    position.setLength(from.count);
    for (unsigned i = 0; i < from.count; i++) {
        const float *p = from.position + 3 * (size_t)i;
        position[i] = MVector(MPoint(p[0], p[1], p[2]) * world);
    }
    fill(to, "id", from.count, [&](unsigned i) { return from.id[i] & ((1ull << 53) - 1); });
    fill(to, "idLow", from.count, [&](unsigned i) { return from.id[i] & 0xffffffff; });
    fill(to, "idHigh", from.count, [&](unsigned i) { return from.id[i] >> 32; });
    fill(to, "winding", from.count, [&](unsigned i) { return from.value[i]; });
    for (const wh_attribute *a = from.attribute; a < from.attribute + from.attribute_count; a++)
        fill(to, a->name, from.count,
             [&](unsigned i) { return *(const float *)((const char *)a->value + i * (a->stride ? a->stride : 4)); });
}

struct WhorlSample : whorl::Typed<MPxNode> {
    WhorlSample() : Typed(out_points)
    {
    }
    void getCacheSetup(const MEvaluationNode &evaluation, MNodeCacheDisablingInfo &disabling,
                       MNodeCacheSetupInfo &setup, MObjectArray &monitored) const override
    {
        MPxNode::getCacheSetup(evaluation, disabling, setup, monitored);
        setup.setPreference(MNodeCacheSetupInfo::kWantToCacheByDefault, true);
    }
    MStatus compute(const MPlug &plug, MDataBlock &block) override
    {
        if (plug != out_points)
            return MS::kUnknownParameter;
        whorl::Cook cook(*this, block);
        const MObject mesh = block.inputValue(in_mesh).asMesh(), rest = block.inputValue(rest_mesh).asMesh();
        const MString name = block.inputValue(sampler).asString();
        wh_points made = {};
        made.size = sizeof made;
        if (cook.layout && !mesh.isNull()) {
            cook.look_at(mesh, true);
            cook.read_maps(block, 0, mesh);
            if (!rest.isNull() && (uint32_t)MFnMesh(rest).numVertices() == cook.view.point_count)
                cook.view.rest = MFnMesh(rest).getRawPoints(nullptr);
            if (wh_sample(cook.layout->session.get(), name.length() ? name.asChar() : nullptr, &cook.view, cook.seconds,
                          &made) != WH_OK)
                complain(wh_last_error());
        }
        MFnArrayAttrsData arrays;
        const MObject data = arrays.create();
        write(made, block.inputValue(in_matrix).asMatrix(), arrays);
        wh_points_free(&made);
        block.outputValue(out_points).setMObject(data);
        return block.setClean(out_points);
    }
    static MStatus initialize()
    {
        MFnTypedAttribute typed;
        out_points = typed.create("outPoints", "op", MFnData::kDynArrayAttrs);
        typed.setWritable(false);
        typed.setStorable(false);
        addAttribute(out_points);
        in_mesh = typed.create("inMesh", "im", MFnData::kMesh);
        rest_mesh = typed.create("restMesh", "rm", MFnData::kMesh);
        sampler = typed.create("sampler", "sam", MFnData::kString);
        in_matrix = MFnMatrixAttribute().create("inMatrix", "ima", MFnMatrixAttribute::kDouble);
        for (const MObject &input : {in_mesh, rest_mesh, in_matrix, sampler})
            addAttribute(input), attributeAffects(input, out_points);
        return add_inputs(out_points);
    }
};
} // namespace

MStatus whorl::register_sample(MFnPlugin &plugin)
{
    return plugin.registerNode(
        "whorlSample", sample_id, [] { return (void *)new WhorlSample; }, WhorlSample::initialize);
}
