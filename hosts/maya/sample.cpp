#include "sample.h"
#include <maya/MDataBlock.h>
#include <maya/MDataHandle.h>
#include <maya/MDoubleArray.h>
#include <maya/MFnArrayAttrsData.h>
#include <maya/MFnMatrixAttribute.h>
#include <maya/MFnMesh.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnTypedAttribute.h>
#include <maya/MMatrix.h>
#include <maya/MNodeCacheSetupInfo.h>
#include <maya/MPlug.h>
#include <maya/MPoint.h>
#include <maya/MVector.h>
#include <maya/MVectorArray.h>

const MTypeId WhorlSample::id(0x7A302);
whorl::Inputs WhorlSample::inputs;
MObject WhorlSample::mesh, WhorlSample::rest, WhorlSample::matrix, WhorlSample::sampler, WhorlSample::points,
    WhorlSample::count;

void *WhorlSample::create()
{
    return new WhorlSample;
}

MStatus WhorlSample::initialize()
{
    MFnTypedAttribute typed;
    MFnMatrixAttribute transform;
    MFnNumericAttribute number;
    points = typed.create("outPoints", "op", MFnData::kDynArrayAttrs);
    typed.setWritable(false);
    typed.setStorable(false);
    count = number.create("outCount", "oc", MFnNumericData::kInt, 0);
    number.setWritable(false);
    number.setStorable(false);
    mesh = typed.create("inMesh", "im", MFnData::kMesh);
    rest = typed.create("restMesh", "rm", MFnData::kMesh);
    matrix = transform.create("inMatrix", "ima", MFnMatrixAttribute::kDouble);
    sampler = typed.create("sampler", "sam", MFnData::kString);
    for (const MObject &attribute : {points, count, mesh, rest, matrix, sampler})
        addAttribute(attribute);
    for (const MObject &input : {mesh, rest, matrix, sampler})
        for (const MObject &output : {points, count})
            attributeAffects(input, output);
    inputs.create({points, count});
    return MS::kSuccess;
}

void WhorlSample::postConstructor()
{
    pipeline_.appear();
}

MPxNode::SchedulingType WhorlSample::schedulingType() const
{
    return kParallel;
}

bool WhorlSample::setInternalValue(const MPlug &plug, const MDataHandle &handle)
{
    if (plug == inputs.file)
        pipeline_.open(handle.asString().asChar());
    return MPxNode::setInternalValue(plug, handle);
}

void WhorlSample::copyInternalData(MPxNode *from)
{
    const auto session = static_cast<WhorlSample *>(from)->pipeline_.session();
    if (session)
        pipeline_.open(session->file);
}

MStatus WhorlSample::setDependentsDirty(const MPlug &plug, MPlugArray &affected)
{
    pipeline_.mark(plug, points, affected);
    pipeline_.mark(plug, count, affected);
    return MPxNode::setDependentsDirty(plug, affected);
}

void WhorlSample::getCacheSetup(const MEvaluationNode &evaluation, MNodeCacheDisablingInfo &disabling,
                                MNodeCacheSetupInfo &setup, MObjectArray &monitored) const
{
    MPxNode::getCacheSetup(evaluation, disabling, setup, monitored);
    setup.setPreference(MNodeCacheSetupInfo::kWantToCacheByDefault, true);
}

/* ---- a cook ---- */

bool WhorlSample::run(whorl::Cook &cook, MDataBlock &block, wh_points &out) const
{
    const MObject in = block.inputValue(mesh).asMesh(), before = block.inputValue(rest).asMesh();
    if (!cook.session || in.isNull())
        return true;
    const MFnMesh fn(in);
    const size_t size = (size_t)fn.numVertices();
    std::vector<uint32_t> triangles;
    std::vector<float> here, there;
    whorl::read_triangles(in, triangles);
    wh_view view = cook.view(whorl::scaled(fn.getRawPoints(nullptr), 3 * size, cook.metres, here), size, triangles);
    if (!before.isNull() && (size_t)MFnMesh(before).numVertices() == size)
        view.rest = whorl::scaled(MFnMesh(before).getRawPoints(nullptr), 3 * size, cook.metres, there);
    const MString name = block.inputValue(sampler).asString();
    return wh_sample(cook.session->handle(), name.length() ? name.asChar() : nullptr, &view, cook.seconds, &out) ==
           WH_OK;
}

static void write_points(const wh_points &from, double metres, const MMatrix &world, MFnArrayAttrsData &to)
{
    MVectorArray position = to.vectorArray("position");
    MDoubleArray id = to.doubleArray("id"), winding = to.doubleArray("winding");
    position.setLength(from.count);
    id.setLength(from.count);
    winding.setLength(from.count);
    for (unsigned i = 0; i < from.count; i++) {
        const float *p = from.position + 3 * (size_t)i;
        const MPoint placed = MPoint(p[0] / metres, p[1] / metres, p[2] / metres) * world;
        position[i] = MVector(placed.x, placed.y, placed.z);
        id[i] = (double)(from.id[i] & ((1ull << 53) - 1)); /* what a double holds of it */
        winding[i] = from.value[i];
    }
    for (unsigned a = 0; a < from.attribute_count; a++) {
        const wh_attribute &attribute = from.attribute[a];
        MDoubleArray values = to.doubleArray(attribute.name);
        const size_t stride = attribute.stride ? attribute.stride / sizeof(float) : 1;
        values.setLength(from.count);
        for (unsigned i = 0; i < from.count; i++)
            values[i] = attribute.value[i * stride];
    }
}

MStatus WhorlSample::compute(const MPlug &plug, MDataBlock &block)
{
    if (plug != points && plug != count)
        return MS::kUnknownParameter;
    whorl::Cook cook = pipeline_.begin(block);
    wh_points made = {};
    made.size = sizeof made;
    if (!run(cook, block, made))
        pipeline_.complain(wh_last_error());
    MFnArrayAttrsData arrays;
    const MObject data = arrays.create();
    write_points(made, cook.metres, block.inputValue(matrix).asMatrix(), arrays);
    block.outputValue(points).setMObject(data);
    block.outputValue(count).setInt((int)made.count);
    wh_points_free(&made);
    block.setClean(points);
    block.setClean(count);
    return MS::kSuccess;
}
