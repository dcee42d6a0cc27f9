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
#include <maya/MGlobal.h>

namespace whorl
{
enum Kind : int { kNumber, kLength, kTurn, kWhole, kSwitch, kChoice };
using Words = std::vector<std::string>;
static const char *const parameter_category = "whorlParameter", *const map_category = "whorlMap";

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

static Words words_of(const wh_param &p)
{
    Words words;
    for (std::string rest = p.choices; !rest.empty(); rest.erase(0, words.back().size() + 1))
        words.push_back(rest.substr(0, rest.find('|')));
    return words;
}

static Words words_of(const MObject &attribute)
{
    Words words;
    for (MString word; kind_of(attribute) == kChoice; words.push_back(word.asChar()))
        if (!(word = MFnEnumAttribute(attribute).fieldName((short)words.size())).length())
            break;
    return words;
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

/* The attribute is the parameter's, but for words that a choice has gained. */
static bool fits(const MObject &attribute, const wh_param &p)
{
    const Words had = words_of(attribute), has = words_of(p);
    return kind_of(attribute) == kind_of(p) && had.size() <= has.size() &&
           std::equal(had.begin(), had.end(), has.begin());
}

/* What is set, for an attribute of another type: the number, or the word's; NaN: there is none. */
static double carried(const MPlug &plug, const wh_param &p)
{
    const Kind kind = kind_of(plug.attribute());
    const double value = get(plug, kind);
    if (kind != kChoice || kind_of(p) != kChoice)
        return kind == kChoice || kind_of(p) == kChoice ? NAN : std::min(std::max(value, p.min), p.max);
    const Words had = words_of(plug.attribute()), has = words_of(p);
    const auto at = value < (double)had.size() ? std::find(has.begin(), has.end(), had[(size_t)value]) : has.end();
    return at == has.end() ? NAN : (double)(at - has.begin());
}

static MObject make(const MString &name, Kind kind)
{
    MObject made;
    if (kind == kChoice)
        made = MFnEnumAttribute().create(name, name);
    else if (kind == kLength || kind == kTurn)
        made = MFnUnitAttribute().create(name, name,
                                         kind == kTurn ? MFnUnitAttribute::kAngle : MFnUnitAttribute::kDistance);
    else
        made = MFnNumericAttribute().create(name, name,
                                            kind == kWhole    ? MFnNumericData::kInt
                                            : kind == kSwitch ? MFnNumericData::kBoolean
                                                              : MFnNumericData::kDouble);
    MFnAttribute(made).setKeyable(true);
    MFnAttribute(made).addToCategory(parameter_category);
    return made;
}

/* Range, default and words as the file has them now. */
static void describe(const MObject &attribute, const wh_param &p, double init)
{
    const Kind kind = kind_of(p);
    const double unit = unit_of(kind), most = kind == kWhole ? 2147483647 : 1e30;
    const double low = std::max(p.min / unit, -most), high = std::min(p.max / unit, most);
    if (kind == kChoice) {
        MFnEnumAttribute choice(attribute);
        const Words words = words_of(p);
        for (size_t i = words_of(attribute).size(); i < words.size(); i++)
            choice.addField(words[i].c_str(), (short)i);
        choice.setDefault((short)init);
    } else if (kind == kLength || kind == kTurn) {
        MFnUnitAttribute number(attribute);
        number.setMin(low), number.setMax(high), number.setDefault(init / unit);
    } else if (kind == kSwitch) {
        MFnNumericAttribute(attribute).setDefault(init != 0);
    } else {
        MFnNumericAttribute number(attribute);
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

struct Tended {
    MFnDependencyNode node;
    std::vector<MObject> attributes; /* that have been found a use for */
};

/* One of ours, without a use yet; null: there is none. The name gets a _ for each that is somebody else's. */
static MObject find(const Tended &of, const char *category, std::string &name)
{
    for (;; name += "_") {
        const MObject found = of.node.attribute(name.c_str());
        if (found.isNull() || (MFnAttribute(found).hasCategory(category) &&
                               std::find(of.attributes.begin(), of.attributes.end(), found) == of.attributes.end()))
            return found;
    }
}

/* The attribute of one component of a parameter; null: Maya has refused to make one. */
static MObject tend(Tended &of, const wh_param &p, unsigned k, bool settle)
{
    const std::string end = p.count > 1 ? std::string(1, "XYZW"[k]) : "";
    std::string name = legal(p.id) + end, was = legal(p.was) + end;
    double value = NAN;
    MObject found = find(of, parameter_category, name);
    if (found.isNull() && *p.was && !(found = find(of, parameter_category, was)).isNull() && settle) {
        MDGModifier change;
        change.renameAttribute(of.node.object(), found, name.c_str(), name.c_str());
        change.doIt();
    }
    if (!found.isNull() && !fits(found, p)) {
        const MPlug plug(of.node.object(), found);
        value = is_touched(plug) ? carried(plug, p) : NAN;
        if (!settle || is_held(plug) || !of.node.removeAttribute(found))
            return found; /* as it is, until nobody holds it */
        found = MObject();
    }
    if (found.isNull() && !of.node.addAttribute(found = make(name.c_str(), kind_of(p))))
        return MObject();
    const MPlug plug(of.node.object(), found);
    const bool follows = !is_touched(plug), has_unit = kind_of(p) == kLength || kind_of(p) == kTurn;
    const std::string unit = has_unit || !*p.unit ? "" : std::string(" (") + p.unit + ")";
    MFnAttribute(found).setNiceNameOverride((p.label + (end.empty() ? end : " " + end) + unit).c_str());
    describe(found, p, p.init[k]);
    if (follows)
        set(plug, kind_of(p), std::isnan(value) ? p.init[k] : value);
    return found;
}

static Layout::Map tend_map(Tended &of, const char *name)
{
    std::string list = legal(name) + "MapList";
    MObject found = find(of, map_category, list);
    if (found.isNull()) {
        MFnNumericAttribute number;
        MFnCompoundAttribute compound;
        const MString weights = list.substr(0, list.rfind("List")).c_str();
        const MObject child = number.create(weights, weights, MFnNumericData::kFloat, 1);
        number.setArray(true);
        found = compound.create(list.c_str(), list.c_str());
        compound.addChild(child);
        compound.setArray(true);
        compound.addToCategory(map_category);
        of.node.addAttribute(found);
    }
    return {name, found, MFnCompoundAttribute(found).child(0)};
}

Layout::Layout(const MObject &node, const Session &of, bool settle) : session(of), needs_mesh(wh_needs_mesh(of.get()))
{
    Tended tended = {MFnDependencyNode(node), {}};
    wh_param p = {};
    p.size = sizeof p;
    time = tended.node.attribute("time");
    for (uint32_t i = 0; wh_param_at(of.get(), i, &p) == WH_OK; i++)
        for (unsigned k = 0; k < p.count; k++) {
            const MObject attribute = tend(tended, p, k, settle);
            if (attribute.isNull()) { /* of a node that is locked, say */
                MGlobal::displayWarning((std::string("whorl: ") + tended.node.name().asChar() +
                                         ": Maya has refused an attribute for '" + p.id + "'")
                                            .c_str());
                continue;
            }
            tended.attributes.push_back(attribute);
            const Kind kind = kind_of(attribute);
            if ((kind == kChoice) != (kind_of(p) == kChoice))
                continue; /* a number is no word: as the file has it */
            slots.push_back({p.id, k, kind, attribute});
            if (*p.was) /* a cook may begin before the rename is taken over here */
                slots.push_back({p.was, k, kind, attribute});
        }
    for (uint32_t i = 0; const char *name = wh_needs_attribute(of.get(), i); i++)
        if (std::none_of(maps.begin(), maps.end(), [&](const Map &map) { return map.name == name; })) {
            maps.push_back(tend_map(tended, name));
            tended.attributes.push_back(maps.back().list);
        }
}

void Layout::prune(const MObject &object) const
{
    MFnDependencyNode node(object);
    std::vector<MObject> others;
    for (unsigned i = 0; i < node.attributeCount(); i++) {
        const MObject a = node.attribute(i);
        const bool wanted = std::any_of(slots.begin(), slots.end(), [&](const Slot &s) { return s.attribute == a; }) ||
                            std::any_of(maps.begin(), maps.end(), [&](const Map &m) { return m.list == a; });
        if (wanted)
            continue;
        if (MFnAttribute(a).hasCategory(parameter_category) ? !is_touched(MPlug(object, a))
            : MFnAttribute(a).hasCategory(map_category)     ? MPlug(object, a).numElements() == 0
                                                            : false)
            others.push_back(a);
    }
    for (const MObject &other : others)
        node.removeAttribute(other);
}

std::vector<wh_setting> Layout::read(MDataBlock &block) const
{
    std::vector<wh_setting> settings;
    for (const Slot &slot : slots) {
        MStatus status;
        const MDataHandle value = block.inputValue(slot.attribute, &status);
        auto at = std::find_if(settings.begin(), settings.end(), [&](const wh_setting &s) { return slot.id == s.id; });
        if (at == settings.end())
            at = settings.insert(at, {slot.id.c_str(), {NAN, NAN, NAN, NAN}}); /* NaN: as the file has it */
        at->value[slot.component] = status ? get(value, slot.kind) : NAN;
    }
    return settings;
}
} // namespace whorl
