#include "attributes.h"
#include <algorithm>
#include <cmath>
#include <maya/MDGModifier.h>
#include <maya/MDataHandle.h>
#include <maya/MFnCompoundAttribute.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnEnumAttribute.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnUnitAttribute.h>
#include <maya/MPlug.h>

namespace whorl
{
enum Kind { kNumber, kLength, kTurn, kWhole, kSwitch, kChoice, kOther };

static const char *const category = "whorlParameter";

static std::string legal(std::string name)
{
    for (char &c : name)
        c = isalnum((unsigned char)c) ? c : '_';
    return name.empty() || isdigit((unsigned char)name[0]) ? "_" + name : name;
}

/* ---- what an attribute is ---- */

static Kind kind_of(const MObject &attribute)
{
    if (attribute.hasFn(MFn::kEnumAttribute))
        return kChoice;
    if (attribute.hasFn(MFn::kUnitAttribute))
        return MFnUnitAttribute(attribute).unitType() == MFnUnitAttribute::kAngle ? kTurn : kLength;
    if (!attribute.hasFn(MFn::kNumericAttribute))
        return kOther;
    const MFnNumericData::Type type = MFnNumericAttribute(attribute).unitType();
    return type == MFnNumericData::kInt ? kWhole : type == MFnNumericData::kBoolean ? kSwitch : kNumber;
}

static Kind kind_of(const wh_param &p)
{
    const std::string unit = p.unit;
    return p.type == WH_CHOICE ? kChoice
           : p.type == WH_BOOL ? kSwitch
           : p.type == WH_INT  ? kWhole
           : unit == "m"       ? kLength
           : unit == "deg"     ? kTurn
                               : kNumber;
}

static double factor_of(Kind kind) /* from Maya's radians */
{
    return kind == kTurn ? 180 / 3.14159265358979323846 : 1;
}

static std::vector<MObject> leaves_of(const MObject &attribute)
{
    std::vector<MObject> leaves;
    if (!attribute.hasFn(MFn::kCompoundAttribute))
        return {attribute};
    const MFnCompoundAttribute compound(attribute);
    for (unsigned i = 0; i < compound.numChildren(); i++)
        leaves.push_back(compound.child(i));
    return leaves;
}

static double default_of(const MObject &leaf)
{
    double value = 0;
    short choice = 0;
    if (leaf.hasFn(MFn::kEnumAttribute))
        return MFnEnumAttribute(leaf).getDefault(choice), choice;
    if (leaf.hasFn(MFn::kUnitAttribute))
        return MFnUnitAttribute(leaf).getDefault(value), value;
    return MFnNumericAttribute(leaf).getDefault(value), value;
}

static std::vector<std::string> choices_of(const wh_param &p)
{
    std::vector<std::string> words;
    for (std::string rest = p.choices; !rest.empty(); rest.erase(0, words.back().size() + 1))
        words.push_back(rest.substr(0, rest.find('|')));
    return words;
}

static bool fits(const MObject &attribute, const wh_param &p)
{
    const std::vector<MObject> leaves = leaves_of(attribute);
    if (leaves.size() != p.count || kind_of(leaves[0]) != kind_of(p))
        return false;
    const std::vector<std::string> words = choices_of(p);
    for (size_t i = 0; i < words.size(); i++)
        if (words[i] != MFnEnumAttribute(leaves[0]).fieldName((short)i).asChar())
            return false;
    return true;
}

static bool is_connected(const MPlug &plug)
{
    return plug.isConnected() || plug.isLocked() || (plug.isCompound() && plug.numConnectedChildren() > 0);
}

/* Keyed, connected, locked, or set to what is not the default: an entry in the undo queue may hold on to it. */
static bool is_touched(const MObject &node, const MObject &attribute)
{
    bool touched = is_connected(MPlug(node, attribute));
    for (const MObject &leaf : leaves_of(attribute))
        touched = touched || MPlug(node, leaf).asDouble() != default_of(leaf);
    return touched;
}

/* ---- making one ---- */

static MObject make_leaf(const std::string &name, const wh_param &p, double init)
{
    const char *word = name.c_str();
    const Kind kind = kind_of(p);
    if (kind == kLength || kind == kTurn)
        return MFnUnitAttribute().create(
            word, word, kind == kTurn ? MFnUnitAttribute::kAngle : MFnUnitAttribute::kDistance, init / factor_of(kind));
    if (kind != kChoice)
        return MFnNumericAttribute().create(word, word,
                                            kind == kWhole    ? MFnNumericData::kInt
                                            : kind == kSwitch ? MFnNumericData::kBoolean
                                                              : MFnNumericData::kDouble,
                                            init);
    MFnEnumAttribute choice;
    const MObject made = choice.create(word, word, (short)init);
    const std::vector<std::string> words = choices_of(p);
    for (size_t i = 0; i < words.size(); i++)
        choice.addField(words[i].c_str(), (short)i);
    return made;
}

static MObject make_attribute(const std::string &name, const wh_param &p)
{
    MFnCompoundAttribute compound;
    MObject made = p.count == 1 ? make_leaf(name, p, p.init[0]) : compound.create(name.c_str(), name.c_str());
    for (unsigned k = 0; p.count > 1 && k < p.count; k++) {
        const MObject child = make_leaf(name + "XYZW"[k], p, p.init[k]);
        MFnAttribute(child).setKeyable(true);
        compound.addChild(child);
    }
    MFnAttribute fn(made);
    fn.setKeyable(true);
    fn.addToCategory(category);
    return made;
}

template <class Fn> static void describe_number(const MObject &leaf, double init, double min, double max)
{
    Fn fn(leaf);
    fn.setMin(min);
    fn.setMax(max);
    fn.setDefault(init);
}

/* Name, range and default as the file has them now. */
static void describe(const MObject &node, const MObject &attribute, const wh_param &p)
{
    const bool untouched = !is_touched(node, attribute);
    const std::vector<MObject> leaves = leaves_of(attribute);
    const Kind kind = kind_of(p);
    const double factor = factor_of(kind), most = kind == kWhole ? 2147483647 : INFINITY;
    const double min = std::max(p.min / factor, -most), max = std::min(p.max / factor, most);
    const std::string unit = p.unit, name = p.label;
    MFnAttribute(attribute).setNiceNameOverride(
        (unit.empty() || kind == kLength || kind == kTurn ? name : name + " (" + unit + ")").c_str());
    for (unsigned k = 0; k < leaves.size(); k++) {
        const double init = p.init[k] / factor;
        if (kind == kChoice)
            MFnEnumAttribute(leaves[k]).setDefault((short)init);
        else if (kind == kLength || kind == kTurn)
            describe_number<MFnUnitAttribute>(leaves[k], init, min, max);
        else
            describe_number<MFnNumericAttribute>(leaves[k], init, min, max);
        if (untouched && MPlug(node, leaves[k]).asDouble() != init)
            MPlug(node, leaves[k]).setDouble(init);
    }
}

/* ---- giving them to the node ---- */

static MObject add(const MObject &node, const MObject &attribute)
{
    MDGModifier change;
    change.addAttribute(node, attribute);
    change.doIt();
    return attribute;
}

static void remove(const MObject &node, const MObject &attribute)
{
    MDGModifier change;
    change.removeAttribute(node, attribute);
    change.doIt();
}

/* One of ours, of that name, or with the _ that it has where Maya has the name itself; null: there is none. */
static MObject find(const MObject &node, const std::string &name)
{
    for (const std::string &word : {name, name + "_"}) {
        const MObject found = MFnDependencyNode(node).attribute(word.c_str());
        if (!found.isNull() && MFnAttribute(found).hasCategory(category))
            return found;
    }
    return MObject::kNullObj;
}

static MObject add_parameter(const MObject &node, const wh_param &p)
{
    const std::string name = legal(p.id);
    const bool taken = MFnDependencyNode(node).hasAttribute(name.c_str());
    return add(node, make_attribute(taken ? name + "_" : name, p));
}

/* One of another type; a number that was set stays. */
static MObject replace(const MObject &node, const MObject &old, const wh_param &p)
{
    const MObject leaf = leaves_of(old)[0];
    const Kind kind = kind_of(p);
    const double was = MPlug(node, leaf).asDouble() * factor_of(kind_of(leaf));
    const bool keep = is_touched(node, old) && kind != kChoice && kind_of(leaf) != kChoice;
    remove(node, old);
    const MObject made = add_parameter(node, p);
    if (keep)
        MPlug(node, leaves_of(made)[0]).setDouble(std::min(std::max(was, p.min), p.max) / factor_of(kind));
    return made;
}

static MObject tend(const MObject &node, const wh_param &p)
{
    MObject found = find(node, legal(p.id));
    if (found.isNull() && *p.was && !(found = find(node, legal(p.was))).isNull()) {
        MDGModifier change;
        const std::string name = legal(p.id);
        change.renameAttribute(node, found, name.c_str(), name.c_str());
        change.doIt();
    }
    if (found.isNull())
        found = add_parameter(node, p);
    else if (!fits(found, p) && !is_connected(MPlug(node, found)))
        found = replace(node, found, p);
    if (fits(found, p))
        describe(node, found, p);
    return found;
}

static Layout::Map tend_map(const MObject &node, const std::string &name)
{
    const std::string weights = legal(name) + "Map", list = weights + "List";
    MObject found = MFnDependencyNode(node).attribute(list.c_str());
    if (found.isNull()) {
        MFnNumericAttribute number;
        MFnCompoundAttribute compound;
        const MObject child = number.create(weights.c_str(), weights.c_str(), MFnNumericData::kFloat, 1);
        number.setArray(true);
        found = compound.create(list.c_str(), list.c_str());
        compound.addChild(child);
        compound.setArray(true);
        add(node, found);
    }
    return {name, found, MFnCompoundAttribute(found).child(0)};
}

/* Takes away what nobody wants, and nobody has touched. */
static void remove_others(const MObject &node, const std::vector<MObject> &wanted)
{
    const MFnDependencyNode fn(node);
    std::vector<MObject> others;
    for (unsigned i = 0; i < fn.attributeCount(); i++) {
        const MObject a = fn.attribute(i);
        if (MFnAttribute(a).hasCategory(category) && std::find(wanted.begin(), wanted.end(), a) == wanted.end() &&
            !is_touched(node, a))
            others.push_back(a);
    }
    for (const MObject &a : others)
        remove(node, a);
}

std::shared_ptr<const Layout> layout_of(const MObject &node, const Session &session, bool prune)
{
    const auto layout = std::make_shared<Layout>();
    std::vector<MObject> wanted;
    wh_param p = {};
    p.size = sizeof p;
    for (uint32_t i = 0; wh_param_at(session.handle, i, &p) == WH_OK; i++) {
        wanted.push_back(tend(node, p));
        layout->slots.push_back({p.id, leaves_of(wanted.back())});
    }
    for (uint32_t i = 0; const char *name = wh_needs_attribute(session.handle, i); i++)
        layout->maps.push_back(tend_map(node, name));
    if (prune)
        remove_others(node, wanted);
    return layout;
}

/* ---- reading them ---- */

static double read_component(MDataBlock &block, const MObject &attribute)
{
    MStatus status;
    const Kind kind = kind_of(attribute);
    const MDataHandle value = block.inputValue(attribute, &status);
    if (!status || kind == kOther)
        return NAN; /* as the file has it */
    return kind == kWhole    ? value.asInt()
           : kind == kSwitch ? value.asBool()
           : kind == kChoice ? value.asShort()
                             : value.asDouble() * factor_of(kind);
}

std::vector<wh_setting> Layout::read(MDataBlock &block) const
{
    std::vector<wh_setting> settings;
    for (const Slot &slot : slots) {
        wh_setting setting = {slot.id.c_str(), {NAN, NAN, NAN, NAN}};
        for (size_t k = 0; k < slot.component.size() && k < 4; k++)
            setting.value[k] = read_component(block, slot.component[k]);
        settings.push_back(setting);
    }
    return settings;
}
} // namespace whorl
