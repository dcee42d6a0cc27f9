/* commands.cpp - commands and their undo, messages, timers, plug-ins, and what is said, of the stand-in. */
#include "graph.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>

using namespace standin;

namespace
{
struct Timer {
    float period;
    MMessage::MElapsedTimeFunction function;
    void *data;
    double due;
};

struct Command {
    MCreatorFunction *create;
    MCreateSyntaxFunction *syntax;
};

std::map<std::string, Command> commands;
std::map<MCallbackId, Timer> timer_list;
std::map<std::string, unsigned> event_counts;
std::vector<std::string> said_list;
std::vector<std::unique_ptr<MPxCommand>> done_list, undone_list;
std::mutex said_lock;
std::string result_text, loading;
MCallbackId next_id = 1;
bool in_batch;
double now;
} // namespace

static void answer(MStatus *status, MStatus with = MS::kSuccess)
{
    if (status)
        *status = with;
}

static MStatus status_of(bool done)
{
    return done ? MS::kSuccess : MS::kFailure;
}

void standin::say(const std::string &text)
{
    const std::lock_guard<std::mutex> lock(said_lock);
    said_list.push_back(text);
}

std::vector<std::string> standin::take_said()
{
    const std::lock_guard<std::mutex> lock(said_lock);
    return std::move(said_list);
}

void standin::forget_commands()
{
    done_list.clear();
    undone_list.clear();
}

/* ---- commands ---- */

MStatus MSelectionList::add(const MString &name)
{
    const std::string text = name.asChar();
    const size_t dot = text.find('.');
    const MObject node = find_node(text.substr(0, dot));
    if (node.isNull())
        return MS::kInvalidParameter;
    Plug whole{node_of(node), {}};
    item.push_back(dot == text.npos ? MPlug(whole) : plug(node, text.substr(dot + 1)));
    return status_of(!item.back().isNull());
}

MStatus MSelectionList::getDependNode(unsigned int index, MObject &node) const
{
    if (index >= item.size())
        return MS::kFailure;
    node = item[index].node();
    return MS::kSuccess;
}

MStatus MSelectionList::getPlug(unsigned int index, MPlug &plug) const
{
    if (index >= item.size() || item[index].plug->path.empty())
        return MS::kFailure;
    plug = item[index];
    return MS::kSuccess;
}

/* Flags are no longer than three letters for short and no shorter than four for long, as Maya has it. */
MStatus MSyntax::addFlag(const char *brief, const char *full, MArgType type)
{
    if (strlen(brief) < 2 || strlen(brief) > 4 || strlen(full) < 5 || brief[0] != '-' || full[0] != '-')
        return MS::kFailure;
    flag.push_back({brief + 1, full + 1, type});
    return MS::kSuccess;
}

void MSyntax::setObjectType(MObjectFormat, unsigned int fewest, unsigned int greatest)
{
    least = fewest, most = greatest;
}

void MSyntax::useSelectionAsDefault(bool)
{
}

void MSyntax::enableQuery(bool supports)
{
    query = supports;
}

MArgDatabase::MArgDatabase(const MSyntax &syntax, const MArgList &list, MStatus *status) : syntax_(syntax)
{
    bool good = true;
    for (size_t i = 0; good && i < list.word.size(); i++) {
        const std::string &word = list.word[i];
        if (word[0] != '-' || (word.size() > 1 && isdigit((unsigned char)word[1]))) {
            object_.push_back(word);
        } else if ((word == "-q" || word == "-query") && syntax.query) {
            query_ = true;
        } else {
            const auto at = std::find_if(syntax.flag.begin(), syntax.flag.end(), [&](const MSyntax::Flag &f) {
                return f.brief == word.substr(1) || f.full == word.substr(1);
            });
            good = at != syntax.flag.end();
            const bool valued = good && at->type != MSyntax::kNoArg && !query_;
            good = good && !(valued && i + 1 >= list.word.size());
            if (good)
                set_.emplace_back(at->full, valued ? list.word[++i] : "");
        }
    }
    good = good && object_.size() >= syntax.least && object_.size() <= syntax.most;
    answer(status, status_of(good));
}

const std::string *MArgDatabase::find(const char *flag) const
{
    const std::string name = flag + (flag[0] == '-');
    for (const auto &pair : set_) {
        const auto at = std::find_if(syntax_.flag.begin(), syntax_.flag.end(),
                                     [&](const MSyntax::Flag &f) { return f.full == pair.first; });
        if (at->brief == name || at->full == name)
            return &pair.second;
    }
    return nullptr;
}

bool MArgDatabase::isFlagSet(const char *flag, MStatus *status) const
{
    answer(status);
    return find(flag);
}

bool MArgDatabase::isQuery(MStatus *status) const
{
    answer(status);
    return query_;
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, MString &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = found->c_str();
    return status_of(found);
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, int &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = atoi(found->c_str());
    return status_of(found);
}

MStatus MArgDatabase::getFlagArgument(const char *flag, unsigned int, double &value) const
{
    const std::string *found = find(flag);
    if (found)
        value = atof(found->c_str());
    return status_of(found);
}

MStatus MArgDatabase::getObjects(MSelectionList &list) const
{
    for (const std::string &name : object_)
        if (list.add(name.c_str()) != MS::kSuccess)
            return MS::kFailure;
    return MS::kSuccess;
}

MSyntax MPxCommand::syntax() const
{
    const auto at = commands.find(standin_name);
    return at != commands.end() && at->second.syntax ? at->second.syntax() : MSyntax();
}

void MPxCommand::setResult(int value)
{
    result_text = std::to_string(value);
}

void MPxCommand::setResult(const MString &value)
{
    result_text = value.asChar();
}

void MPxCommand::appendToResult(const MString &value)
{
    result_text += (result_text.empty() ? "" : " ") + std::string(value.asChar());
}

void MPxCommand::clearResult()
{
    result_text.clear();
}

static std::vector<std::string> split(const std::string &line)
{
    std::vector<std::string> words;
    for (size_t at = 0; at < line.size();) {
        if (line[at] == ' ') {
            at++;
            continue;
        }
        const bool quoted = line[at] == '"';
        const size_t first = at + quoted, end = std::min(line.find(quoted ? '"' : ' ', first), line.size());
        words.push_back(line.substr(first, end - first));
        at = end + quoted;
    }
    return words;
}

bool standin::execute(const std::string &line, std::string &result)
{
    const std::vector<std::string> words = split(line);
    const auto at = commands.find(words.empty() ? "" : words[0]);
    if (at == commands.end())
        return say("error: no command " + line), false;
    std::unique_ptr<MPxCommand> command(static_cast<MPxCommand *>(at->second.create()));
    command->standin_name = words[0];
    MArgList arguments;
    arguments.word.assign(words.begin() + 1, words.end());
    result_text.clear();
    const bool good = command->doIt(arguments) == MS::kSuccess;
    result = result_text;
    if (good && command->isUndoable()) {
        done_list.push_back(std::move(command));
        undone_list.clear();
    }
    return good;
}

bool standin::undo()
{
    if (done_list.empty() || done_list.back()->undoIt() != MS::kSuccess)
        return false;
    undone_list.push_back(std::move(done_list.back()));
    done_list.pop_back();
    return true;
}

bool standin::redo()
{
    if (undone_list.empty() || undone_list.back()->redoIt() != MS::kSuccess)
        return false;
    done_list.push_back(std::move(undone_list.back()));
    undone_list.pop_back();
    return true;
}

unsigned standin::undoable()
{
    return (unsigned)done_list.size();
}

MGlobal::MMayaState MGlobal::mayaState(MStatus *status)
{
    answer(status);
    return in_batch ? kBatch : kInteractive;
}

void standin::set_batch(bool batch)
{
    in_batch = batch;
}

void standin::set_sharing(Sharing how)
{
    sharing = how;
}

void standin::lock_node(const MObject &node, bool locked)
{
    node_of(node)->locked = locked;
}

void standin::set_locked(const MPlug &plug, bool locked)
{
    plug.plug->path.back().attribute->locked = locked;
}

void MGlobal::displayWarning(const MString &text)
{
    say(std::string("warning: ") + text.asChar());
}

void MGlobal::displayError(const MString &text)
{
    say(std::string("error: ") + text.asChar());
}

/* ---- messages ---- */

MStatus MMessage::removeCallback(MCallbackId id)
{
    return status_of(timer_list.erase(id));
}

MCallbackId MTimerMessage::addTimerCallback(float period, MElapsedTimeFunction function, void *data, MStatus *status)
{
    timer_list[next_id] = {period, function, data, now + period};
    answer(status);
    return next_id++;
}

void standin::fire_timers(double seconds)
{
    now += seconds;
    const auto all = timer_list;
    for (const auto &pair : all) {
        const auto at = timer_list.find(pair.first);
        if (at == timer_list.end() || at->second.due > now)
            continue;
        at->second.due = now + at->second.period;
        at->second.function(at->second.period, at->second.period, at->second.data);
    }
}

unsigned standin::timers()
{
    return (unsigned)timer_list.size();
}

MStatus MUserEventMessage::registerUserEvent(const MString &name)
{
    return status_of(event_counts.emplace(name.asChar(), 0).second);
}

bool MUserEventMessage::isUserEvent(const MString &name)
{
    return event_counts.count(name.asChar());
}

MStatus MUserEventMessage::deregisterUserEvent(const MString &name)
{
    return status_of(event_counts.erase(name.asChar()));
}

MStatus MUserEventMessage::postUserEvent(const MString &name, void *)
{
    const auto at = event_counts.find(name.asChar());
    if (at == event_counts.end())
        return MS::kFailure;
    at->second++;
    return MS::kSuccess;
}

unsigned standin::events(const std::string &name)
{
    const auto at = event_counts.find(name);
    return at == event_counts.end() ? 0 : at->second;
}

/* ---- plug-ins ---- */

struct standin::Plugin {
    std::string path;
    void *library;
};

MFnPlugin::MFnPlugin(MObject &object, const char *, const char *, const char *, MStatus *status)
{
    object_ = object;
    answer(status);
}

MString MFnPlugin::loadPath(MStatus *status) const
{
    answer(status);
    return loading.substr(0, loading.rfind('/')).c_str();
}

MStatus MFnPlugin::registerNode(const MString &name, const MTypeId &id, MCreatorFunction *create,
                                MInitializeFunction *initialize, MPxNode::Type kind, const MString *)
{
    if (find_type(name.asChar()))
        return MS::kFailure;
    auto type = std::make_unique<NodeType>();
    type->name = name.asChar();
    type->id = id;
    type->create = create;
    type->deformer = kind == MPxNode::kDeformerNode;
    if (type->deformer)
        type->attribute = deformer_attributes;
    described = type.get();
    const MStatus status = initialize();
    described = nullptr;
    if (status == MS::kSuccess)
        types[name.asChar()] = std::move(type);
    return status;
}

/* Nodes of a type that is going must be gone. */
MStatus MFnPlugin::deregisterNode(const MTypeId &id)
{
    for (const auto &node : nodes)
        if (node.second->kind->create && node.second->kind->id == id)
            return MS::kFailure;
    for (auto at = types.begin(); at != types.end(); ++at)
        if (at->second->create && at->second->id == id)
            return types.erase(at), MS::kSuccess;
    return MS::kFailure;
}

MStatus MFnPlugin::registerCommand(const MString &name, MCreatorFunction *create, MCreateSyntaxFunction *syntax)
{
    return status_of(commands.emplace(name.asChar(), Command{create, syntax}).second);
}

MStatus MFnPlugin::deregisterCommand(const MString &name)
{
    return status_of(commands.erase(name.asChar()));
}

using Entry = MStatus (*)(MObject);

/* The entry points have C++ names: MStatus initializePlugin(MObject). */
static Entry entry(void *library, const char *name)
{
    return reinterpret_cast<Entry>(dlsym(library, name));
}

Plugin *standin::load_plugin(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return say(std::string("error: ") + dlerror()), nullptr;
    const Entry initialize = entry(library, "_Z16initializePlugin7MObject");
    loading = path;
    if (initialize && initialize(MObject()) == MS::kSuccess)
        return new Plugin{path, library};
    say("error: " + path + " did not initialize");
    dlclose(library);
    return nullptr;
}

bool standin::is_mapped(const std::string &path)
{
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find(path) != line.npos)
            return true;
    return false;
}

bool standin::unload_plugin(Plugin *plugin)
{
    forget_commands();
    const Entry uninitialize = entry(plugin->library, "_Z18uninitializePlugin7MObject");
    if (!uninitialize || uninitialize(MObject()) != MS::kSuccess)
        return false;
    dlclose(plugin->library);
    const std::string path = plugin->path;
    delete plugin;
    return !is_mapped(path);
}
