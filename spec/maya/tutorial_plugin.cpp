/* tutorial_plugin.cpp - what whorl's plug-in is measured against: a deformer that reloads a library in the way that
 * tutorials teach (the best known is sonictk's maya_hot_reload_example), written anew from its description. deform()
 * looks at the file's time, in whole seconds; when that differs, it closes the library and opens the same path again.
 * There is one library for all nodes, and no lock. $TUTORIAL_LIBRARY names the file. */
#include "tutorial_logic.h"
#include <cstdlib>
#include <dlfcn.h>
#include <maya/MDataBlock.h>
#include <maya/MDataHandle.h>
#include <maya/MFnPlugin.h>
#include <maya/MGlobal.h>
#include <maya/MItGeometry.h>
#include <maya/MPoint.h>
#include <maya/MPxDeformerNode.h>
#include <sys/stat.h>

namespace
{
const MTypeId type_id(0x0007fff1);

struct Library {
    void *handle;
    time_t modified;
    get_value_function *get_value;
    bool is_valid;
} library;

const char *library_path()
{
    const char *path = std::getenv("TUTORIAL_LIBRARY");
    return path ? path : "";
}

time_t time_of(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? s.st_mtime : -1;
}

bool load_library()
{
    library.modified = time_of(library_path());
    library.handle = dlopen(library_path(), RTLD_NOW);
    if (!library.handle) {
        MGlobal::displayError("the library cannot be loaded");
        library.modified = 0;
        library.is_valid = false;
        return false;
    }
    library.get_value = reinterpret_cast<get_value_function *>(dlsym(library.handle, "get_value"));
    library.is_valid = library.get_value != nullptr;
    return library.is_valid;
}

bool unload_library()
{
    if (!library.is_valid || dlclose(library.handle) != 0)
        return false;
    library.get_value = nullptr;
    library.modified = 0;
    library.is_valid = false;
    return true;
}

bool refresh_library()
{
    if (!library.is_valid) {
        unload_library();
        if (!load_library())
            return false;
    }
    const time_t modified = time_of(library_path());
    if (modified < 0 || modified == library.modified)
        return true;
    return unload_library() && load_library();
}

class TutorialDeformer : public MPxDeformerNode
{
  public:
    static void *creator()
    {
        return new TutorialDeformer;
    }
    static MStatus initialize()
    {
        return attributeAffects(envelope, outputGeom);
    }
    void postConstructor() override
    {
        load_library();
    }
    MStatus deform(MDataBlock &block, MItGeometry &iter, const MMatrix &matrix, unsigned int index) override;
};

MStatus TutorialDeformer::deform(MDataBlock &block, MItGeometry &iter, const MMatrix &, unsigned int)
{
    if (!refresh_library())
        return MS::kFailure;
    const struct settings settings = {block.inputValue(envelope).asFloat(), 2.0f};
    for (; !iter.isDone(); iter.next()) {
        const MPoint at = iter.position();
        const struct place moved = library.get_value(
            &settings, {static_cast<float>(at.x), static_cast<float>(at.y), static_cast<float>(at.z)});
        iter.setPosition(MPoint(moved.x, moved.y, moved.z));
    }
    return MS::kSuccess;
}
} // namespace

__attribute__((visibility("default"))) MStatus initializePlugin(MObject object)
{
    MFnPlugin plugin(object, "whorl", "1", "Any");
    return plugin.registerNode("tutorialDeformer", type_id, TutorialDeformer::creator, TutorialDeformer::initialize,
                               MPxNode::kDeformerNode);
}

__attribute__((visibility("default"))) MStatus uninitializePlugin(MObject object)
{
    MFnPlugin plugin(object);
    return plugin.deregisterNode(type_id);
}
