/* dump.cpp - what a pipeline makes of a mesh through the plug-in, as raw arrays. Usage:
 *   dump PLUGIN PIPELINE MESH OUT SECONDS SAMPLER...
 * Writes OUT.deformed, xyz of each point as floats, and for each sampler OUT.SAMPLER, the same, and OUT.SAMPLER.id,
 * 64 bits of each id. Point attributes of the mesh become painted maps. */
#include "stage.h"
#include "whorl.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <maya/MDoubleArray.h>
#include <maya/MFnArrayAttrsData.h>
#include <maya/MVectorArray.h>

using namespace standin;

namespace
{
[[noreturn]] void die(const std::string &why)
{
    std::fprintf(stderr, "%s\n", why.c_str());
    for (const std::string &line : take_said())
        std::fprintf(stderr, "%s\n", line.c_str());
    std::exit(1);
}

template <class T> void write(const std::string &path, const std::vector<T> &values)
{
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

Mesh copy(const wh_view &view)
{
    Mesh mesh;
    mesh.points.assign(view.position, view.position + 3 * static_cast<size_t>(view.point_count));
    mesh.vertices.assign(view.triangle, view.triangle + 3 * static_cast<size_t>(view.triangle_count));
    mesh.counts.assign(view.triangle_count, 3);
    return mesh;
}

void paint(const MObject &deformer, const wh_view &view, const wh_attribute &attribute)
{
    const std::string name = attribute.name;
    const size_t step = attribute.stride ? attribute.stride / sizeof(float) : 1;
    for (size_t i = 0; i < view.point_count; i++) {
        MPlug weight = plug(deformer, name + "MapList[0]." + name + "Map[" + std::to_string(i) + "]");
        if (weight.isNull())
            die("the deformer has no map " + name);
        weight.setDouble(static_cast<double>(attribute.value[i * step]));
    }
}

void write_sample(const MObject &node, const std::string &out)
{
    MFnArrayAttrsData arrays(plug(node, "outPoints").asMObject());
    const MVectorArray position = arrays.vectorArray("position");
    const MDoubleArray low = arrays.doubleArray("idLow"), high = arrays.doubleArray("idHigh");
    std::vector<float> points;
    std::vector<uint64_t> ids;
    for (unsigned i = 0; i < position.length(); i++) {
        for (const double x : {position[i].x, position[i].y, position[i].z})
            points.push_back(static_cast<float>(x));
        ids.push_back(static_cast<uint64_t>(high[i]) << 32 | static_cast<uint64_t>(low[i]));
    }
    write(out, points);
    write(out + ".id", ids);
}
} // namespace

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    wh_mesh *read;
    wh_view view = {};
    view.size = sizeof view;
    if (wh_mesh_read(argv[3], &read) != WH_OK || wh_mesh_view(read, &view) != WH_OK)
        die(wh_last_error());
    Plugin *plugin = load_plugin(argv[1]);
    if (!plugin)
        die("the plug-in does not load");
    const double seconds = std::atof(argv[5]);
    const std::string out = argv[4];
    {
        const MObject mesh = create_mesh("mesh", copy(view));
        const MObject deformer = apply_deformer("whorlDeformer", {mesh});
        plug(deformer, "pipeline").setString(argv[2]);
        plug(deformer, "time").setDouble(seconds);
        for (uint32_t i = 0; i < view.attribute_count; i++)
            paint(deformer, view, view.attribute[i]);
        write(out + ".deformed", evaluate(deformer, 0).points);
        for (int i = 6; i < argc; i++) {
            const MObject sample = create_node("whorlSample");
            plug(sample, "pipeline").setString(argv[2]);
            plug(sample, "sampler").setString(argv[i]);
            plug(sample, "time").setDouble(seconds);
            if (!connect(plug(deformer, "outputGeometry[0]"), plug(sample, "inMesh")) ||
                !connect(plug(mesh, "outMesh"), plug(sample, "restMesh")))
                die("the meshes cannot be connected");
            write_sample(sample, out + "." + argv[i]);
        }
    }
    wh_mesh_free(read);
    new_scene();
    for (const std::string &line : take_said())
        std::fprintf(stderr, "%s\n", line.c_str());
    return failures() != 0 || !unload_plugin(plugin);
}
