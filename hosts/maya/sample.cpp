#include "nodes.h"
#include <maya/MDoubleArray.h>
#include <maya/MFnArrayAttrsData.h>
#include <maya/MFnMatrixAttribute.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MMatrix.h>
#include <maya/MNodeCacheSetupInfo.h>
#include <maya/MPoint.h>
#include <maya/MVector.h>
#include <maya/MVectorArray.h>

const MTypeId WhorlSample::id(0x7A302);
whorl::Inputs WhorlSample::inputs;
MObject WhorlSample::mesh, WhorlSample::rest, WhorlSample::matrix, WhorlSample::sampler, WhorlSample::points,
    WhorlSample::count;

WhorlSample::WhorlSample() : Node(inputs)
{
}

MStatus WhorlSample::initialize()
{
    MFnTypedAttribute typed;
    MFnNumericAttribute number;
    points = typed.create("outPoints", "op", MFnData::kDynArrayAttrs);
    typed.setWritable(false);
    typed.setStorable(false);
    count = number.create("outCount", "oc", MFnNumericData::kInt, 0);
    number.setWritable(false);
    number.setStorable(false);
    mesh = typed.create("inMesh", "im", MFnData::kMesh);
    rest = typed.create("restMesh", "rm", MFnData::kMesh);
    sampler = typed.create("sampler", "sam", MFnData::kString);
    matrix = MFnMatrixAttribute().create("inMatrix", "ima", MFnMatrixAttribute::kDouble);
    addAttribute(points);
    addAttribute(count);
    for (const MObject &input : {mesh, rest, matrix, sampler}) {
        addAttribute(input);
        attributeAffects(input, points);
        attributeAffects(input, count);
    }
    inputs.create({points, count});
    return MS::kSuccess;
}

void WhorlSample::getCacheSetup(const MEvaluationNode &evaluation, MNodeCacheDisablingInfo &disabling,
                                MNodeCacheSetupInfo &setup, MObjectArray &monitored) const
{
    MPxNode::getCacheSetup(evaluation, disabling, setup, monitored);
    setup.setPreference(MNodeCacheSetupInfo::kWantToCacheByDefault, true);
}

bool WhorlSample::run(whorl::Cook &cook, MDataBlock &block, wh_points &out) const
{
    const MObject in = block.inputValue(mesh).asMesh(), before = block.inputValue(rest).asMesh();
    if (!cook.session || in.isNull())
        return true;
    const MFnMesh fn(in);
    std::vector<uint32_t> triangles;
    whorl::Pipeline::read_triangles(in, triangles);
    wh_view view = cook.view(fn.getRawPoints(nullptr), (size_t)fn.numVertices(), triangles);
    if (!before.isNull() && MFnMesh(before).numVertices() == fn.numVertices())
        view.rest = MFnMesh(before).getRawPoints(nullptr);
    const MString name = block.inputValue(sampler).asString();
    return wh_sample(cook.session->handle, name.length() ? name.asChar() : nullptr, &view, cook.seconds, &out) == WH_OK;
}

template <class Value> static void fill(MFnArrayAttrsData &to, const char *name, unsigned count, const Value &value)
{
    MDoubleArray array = to.doubleArray(name); /* the one inside */
    array.setLength(count);
    for (unsigned i = 0; i < count; i++)
        array[i] = (double)value(i);
}

/* A double holds 53 bits of an id, which is enough for an instancer; idLow and idHigh are all of it. */
static void write_points(const wh_points &from, const MMatrix &world, MFnArrayAttrsData &to)
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

MStatus WhorlSample::compute(const MPlug &plug, MDataBlock &block)
{
    if (plug != points && plug != count)
        return MS::kUnknownParameter;
    whorl::Cook cook = pipeline.begin(block);
    wh_points made = {};
    made.size = sizeof made;
    if (!run(cook, block, made))
        pipeline.complain(wh_last_error());
    MFnArrayAttrsData arrays;
    const MObject data = arrays.create();
    write_points(made, block.inputValue(matrix).asMatrix(), arrays);
    block.outputValue(points).setMObject(data);
    block.outputValue(count).setInt((int)made.count);
    wh_points_free(&made);
    block.setClean(points);
    block.setClean(count);
    return MS::kSuccess;
}
