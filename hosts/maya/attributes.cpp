/* attributes.cpp - the parameters of a pipeline as dynamic attributes of a node, and the point attributes that it reads
 * as weight maps to paint. They are found again by name and category, in a scene that was opened too. */
#include "node.h"
#include <algorithm>
#include <cmath>
#include <maya/MFnCompoundAttribute.h>
#include <maya/MFnDependencyNode.h>
#include <maya/MFnEnumAttribute.h>
#include <maya/MFnNumericAttribute.h>
#include <maya/MFnUnitAttribute.h>

namespace whorl
{
enum Kind { kNumber, kLength, kTurn, kWhole, kSwitch, kChoice };
static const char *const parameter = "whorlParameter", *const map = "whorlMap"; /* categories */

static Kind kind_of(const wh_param &p)
{
    const std::string unit = p.unit;
    return p.type != WH_FLOAT ? (Kind)(kWhole + p.type - WH_INT)
           : unit == "m"      ? kLength
           : unit == "deg"    ? kTurn
                              : kNumber;
}

static Kind kind_of(const MObject &attribute)
{
    if (attribute.hasFn(MFn::kEnumAttribute))
        return kChoice;
    if (attribute.hasFn(MFn::kUnitAttribute))
        return MFnUnitAttribute(attribute).unitType() == MFnUnitAttribute::kAngle ? kTurn : kLength;
    const MFnNumericData::Type type = MFnNumericAttribute(attribute).unitType();
    return type == MFnNumericData::kInt ? kWhole : type == MFnNumericData::kBoolean ? kSwitch : kNumber;
}

static double unit_of(Kind kind) /* whorl has degrees where Maya has radians */
{
    return kind == kTurn ? 180 / 3.14159265358979323846 : 1;
}

template <class From> static double get(const From &from, Kind kind) /* a plug, or a handle of a data block */
{
    return kind == kWhole    ? from.asInt()
           : kind == kSwitch ? from.asBool()
           : kind == kChoice ? from.asShort()
                             : from.asDouble() * unit_of(kind);
}

static void set(MPlug plug, Kind kind, double value)
{
    if (kind == kSwitch)
        plug.setBool(value != 0);
    else if (kind == kWhole || kind == kChoice)
        plug.setInt((int)value);
    else
        plug.setDouble(value / unit_of(kind));
}

static bool is_held(const MPlug &plug)
{
    return plug.isConnected() || plug.isLocked();
}

/* Keyed, connected, locked, or set to what is not the default: an entry of the undo queue may hold on to it. */
static bool is_touched(const MPlug &plug)
{
    return is_held(plug) || !plug.isDefaultValue();
}

static bool fits(const MObject &attribute, const wh_param &p)
{
    std::string words;
    const bool choice = kind_of(attribute) == kChoice;
    for (short i = 0; choice && MFnEnumAttribute(attribute).fieldName(i).length(); i++)
        words += (i ? "|" : "") + std::string(MFnEnumAttribute(attribute).fieldName(i).asChar());
    return kind_of(attribute) == kind_of(p) && words == p.choices;
}

static MObject make(const MString &name, const wh_param &p)
{
    const Kind kind = kind_of(p);
    MFnEnumAttribute choice;
    MObject made;
    if (kind == kLength || kind == kTurn) {
        made = MFnUnitAttribute().create(name, name,
                                         kind == kTurn ? MFnUnitAttribute::kAngle : MFnUnitAttribute::kDistance);
    } else if (kind == kChoice) {
        made = choice.create(name, name);
        std::string rest = p.choices, word;
        for (short i = 0; !rest.empty(); rest.erase(0, word.size() + 1))
            choice.addField((word = rest.substr(0, rest.find('|'))).c_str(), i++);
    } else {
        made = MFnNumericAttribute().create(name, name,
                                            kind == kWhole    ? MFnNumericData::kInt
                                            : kind == kSwitch ? MFnNumericData::kBoolean
                                                              : MFnNumericData::kDouble);
    }
    MFnAttribute(made).setKeyable(true);
    MFnAttribute(made).addToCategory(parameter);
    return made;
}

/* Name, range and default as the file has them now. */
static void describe(const MObject &attribute, const wh_param &p, const std::string &label, double init)
{
    const Kind kind = kind_of(p);
    const double unit = unit_of(kind), most = kind == kWhole ? 2147483647 : 1e30;
    const double low = std::max(p.min / unit, -most), high = std::min(p.max / unit, most);
    MFnNumericAttribute number(attribute);
    MFnUnitAttribute with_unit(attribute);
    MFnAttribute(attribute).setNiceNameOverride(label.c_str());
    if (kind == kChoice) {
        MFnEnumAttribute(attribute).setDefault((short)init);
    } else if (kind == kLength || kind == kTurn) {
        with_unit.setMin(low), with_unit.setMax(high), with_unit.setDefault(init / unit);
    } else if (kind == kSwitch) {
        number.setDefault(init != 0);
    } else {
        number.setMin(low), number.setMax(high);
        kind == kWhole ? number.setDefault((int)init) : number.setDefault(init);
    }
}

static std::string legal(std::string name)
{
    for (char &c : name)
        c = isalnum((unsigned char)c) ? c : '_';
    return name.empty() || isdigit((unsigned char)name[0]) ? "_" + name : name;
}

/* One of ours; null: there is none. The name gets a _ where Maya has it itself. */
static MObject find(const MFnDependencyNode &node, std::string &name)
{
    MObject found = node.attribute(name.c_str());
    if (!found.isNull() && !MFnAttribute(found).hasCategory(parameter))
        found = node.attribute((name += "_").c_str());
    return found;
}

/* The attribute of one component of a parameter. */
static MObject tend(MFnDependencyNode &node, const wh_param &p, unsigned k)
{
    const std::string end = p.count > 1 ? std::string(1, "XYZW"[k]) : "";
    std::string name = legal(p.id) + end, was = legal(p.was) + end;
    double kept = NAN; /* a number that was set stays when its type changes */
    MObject found = find(node, name);
    if (found.isNull() && *p.was && !(found = find(node, was)).isNull()) {
        MDGModifier change;
        change.renameAttribute(node.object(), found, name.c_str(), name.c_str());
        change.doIt();
    }
    if (!found.isNull() && !fits(found, p)) {
        const MPlug plug(node.object(), found);
        if (is_held(plug))
            return found;
        if (is_touched(plug) && kind_of(found) != kChoice && kind_of(p) != kChoice)
            kept = get(plug, kind_of(found));
        node.removeAttribute(found);
        found = MObject();
    }
    if (found.isNull())
        node.addAttribute(found = make(name.c_str(), p));
    MPlug plug(node.object(), found);
    const bool follows = !is_touched(plug);
    const bool has_unit = kind_of(p) == kLength || kind_of(p) == kTurn;
    const std::string unit = has_unit || !*p.unit ? "" : std::string(" (") + p.unit + ")";
    describe(found, p, p.label + (end.empty() ? end : " " + end) + unit, p.init[k]);
    if (follows || !std::isnan(kept))
        set(plug, kind_of(p), std::isnan(kept) ? p.init[k] : std::min(std::max(kept, p.min), p.max));
    return found;
}

static Layout::Map tend_map(MFnDependencyNode &node, const std::string &name)
{
    const std::string weights = legal(name) + "Map", list = weights + "List";
    MObject found = node.attribute(list.c_str());
    if (found.isNull()) {
        MFnNumericAttribute number;
        MFnCompoundAttribute compound;
        const MObject child = number.create(weights.c_str(), weights.c_str(), MFnNumericData::kFloat, 1);
        number.setArray(true);
        found = compound.create(list.c_str(), list.c_str());
        compound.addChild(child);
        compound.setArray(true);
        compound.addToCategory(map);
        node.addAttribute(found);
    }
    return {name, found, MFnCompoundAttribute(found).child(0)};
}

Layout::Layout(const MObject &object, const Session &of, bool prune) : session(of), needs_mesh(wh_needs_mesh(of.get()))
{
    MFnDependencyNode node(object);
    std::vector<MObject> wanted, others;
    wh_param p = {};
    p.size = sizeof p;
    time = node.attribute("time");
    for (uint32_t i = 0; wh_param_at(of.get(), i, &p) == WH_OK; i++)
        for (unsigned k = 0; k < p.count; k++) {
            wanted.push_back(tend(node, p, k));
            const Kind kind = kind_of(wanted.back());
            if (fits(wanted.back(), p) || (kind != kChoice && kind_of(p) != kChoice)) /* a number is a number */
                slots.push_back({p.id, k, kind, wanted.back()});
        }
    for (uint32_t i = 0; const char *name = wh_needs_attribute(of.get(), i); i++)
        maps.push_back(tend_map(node, name));
    for (unsigned i = 0; prune && i < node.attributeCount(); i++)
        if (MFnAttribute(node.attribute(i)).hasCategory(parameter))
            others.push_back(node.attribute(i));
    for (const MObject &other : others)
        if (std::find(wanted.begin(), wanted.end(), other) == wanted.end() && !is_touched(MPlug(object, other)))
            node.removeAttribute(other);
}

std::vector<wh_setting> Layout::read(MDataBlock &block) const
{
    std::vector<wh_setting> settings;
    for (const Slot &slot : slots) {
        MStatus status;
        const MDataHandle value = block.inputValue(slot.attribute, &status);
        if (settings.empty() || slot.id != settings.back().id)
            settings.push_back({slot.id.c_str(), {NAN, NAN, NAN, NAN}}); /* NaN: as the file has it */
        settings.back().value[slot.component] = status ? get(value, (Kind)slot.kind) : NAN;
    }
    return settings;
}
} // namespace whorl
