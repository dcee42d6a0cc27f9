/* stage.h - what a scenario does to the stand-in: load a plug-in, make meshes, evaluate nodes, let time pass. Nothing
 * of it has a counterpart in Maya's interface; a plug-in never includes it. One thread, the `main thread`, calls all
 * but evaluate and evaluate_in_context, which any thread may call. */
#ifndef WHORL_STANDIN_STAGE_H
#define WHORL_STANDIN_STAGE_H
#include "standin.h"

namespace standin
{
struct Mesh { /* a copy: xyz for each point */
    std::vector<float> points;
    std::vector<int> counts, vertices;
};

/* ---- the plug-in ---- */

struct Plugin;
Plugin *load_plugin(const std::string &path); /* nullptr: it did not load; said() has why */
/* Runs uninitializePlugin and unloads the library. False: it failed, or the library stayed mapped. Undo is flushed
 * before, as Maya does. */
bool unload_plugin(Plugin *plugin);
bool is_mapped(const std::string &path);

/* ---- the scene ---- */

void set_batch(bool batch); /* MGlobal::mayaState */
/* Geometry that goes out has points of its own, or shares them with what came in until one is set, or until one is set
 * to another place. */
enum Sharing { kNever, kUntilSet, kStubborn };
void set_sharing(Sharing sharing);
void new_scene(); /* deletes all nodes and forgets what could be undone */
MObject create_node(const std::string &type, const std::string &name = ""); /* null: there is no such type */
MObject duplicate_node(const MObject &node);                                /* without its connections */
void delete_node(const MObject &node);
MObject find_node(const std::string &name); /* null: there is none */
/* A "mesh" node: outMesh, worldMesh[0] and worldMatrix[0] come from it. */
MObject create_mesh(const std::string &name, const Mesh &mesh);
void set_mesh(const MObject &node, const Mesh &mesh);
MObject create_curve(const std::string &name, const std::vector<float> &points); /* geometry that is no mesh */
void set_color_set(const MObject &node, const std::string &name, const std::vector<MColor> &colors);
void set_matrix(const MObject &node, const MMatrix &matrix);
/* What `deformer -type TYPE` does: input[i] is the i-th mesh. */
MObject apply_deformer(const std::string &type, const std::vector<MObject> &meshes, const std::string &name = "");
/* The deformer acts on these points of its geometry alone; empty: on all. */
void set_members(const MObject &deformer, unsigned geometry, const std::vector<unsigned> &members);
void set_weight(const MObject &deformer, unsigned geometry, unsigned point, float weight);

MPlug plug(const MObject &node, const std::string &name); /* "input[0].inputGeometry"; null plug: there is none */
bool connect(const MPlug &source, const MPlug &destination);
bool disconnect(const MPlug &destination);
void set_locked(const MPlug &plug, bool locked);  /* of a dynamic attribute */
void lock_node(const MObject &node, bool locked); /* it takes no attribute, and gives none away */
/* A node with one output that is the plug's only source, as an animation curve is: value is what it puts out. */
MObject key(const MPlug &plug, double value);

/* ---- evaluation ---- */

Mesh evaluate(const MObject &deformer, unsigned geometry); /* pulls, and computes only what is dirty */
/* Computes on a copy of the node's values, with no lock held, whatever is dirty. False: deform() returned a failure. */
bool evaluate_in_context(const MObject &deformer, unsigned geometry, Mesh &out);
double deform_seconds(); /* that the last deform() took, without the copy before it */
unsigned failures();     /* evaluations whose compute() or deform() failed, since the start */

/* ---- time and what is said ---- */

void fire_timers(double seconds); /* each timer whose period has passed, once */
unsigned timers();                /* callbacks that are alive */
bool execute(const std::string &command,
             std::string &result); /* as in MEL: NAME -flag value OBJECT; "…" around words */
bool undo();
bool redo();
unsigned undoable();
unsigned events(const std::string &name); /* how often a user event was posted */
std::vector<std::string> take_said();     /* "warning: …", "error: …", since the last call */
} // namespace standin
#endif
