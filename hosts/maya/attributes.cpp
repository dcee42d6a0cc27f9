#include "attributes.h"
#include <algorithm>
#include <cctype>
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
enum Kind { kNumber, kWhole, kSwitch, kChoice, kLength, kTurn, kOther };

static const char *const param_category = "whorlParameter", *const map_category = "whorlMap";
static const double degrees = 180 / 3.14159265358979323846, largest = 2147483647;

static std::string legal(const std::string &id)
{
    std::string name = id;
    for (char &c : name)
        c = isalnum((unsigned char)c) ? c : '_';
    return name.empty() || isdigit((unsigned char)name[0]) ? "_" + name : name;
}

/* ---- what an attribute is ---- */

static Kind kind_of(const MObject &attribute)
{
    if (attribute.hasFn(MFn::kEnumAttribute))
        return kChoice;
    if (attribute.hasFn(MFn::kUnitAttribute)) {
        const MFnUnitAttribute::Type type = MFnUnitAttribute(attribute).unitType();
        return type == MFnUnitAttribute::kDistance ? kLength : type == MFnUnitAttribute::kAngle ? kTurn : kOther;
    }
    if (!attribute.hasFn(MFn::kNumericAttribute))
        return kOther;
    const MFnNumericData::Type type = MFnNumericAttribute(attribute).unitType();
    return type == MFnNumericData::kDouble    ? kNumber
           : type == MFnNumericData::kInt     ? kWhole
           : type == MFnNumericData::kBoolean ? kSwitch
                                              : kOther;
}

static Kind kind_of(const wh_param &p)
{
    const std::string unit = p.unit;
    if (p.type != WH_FLOAT)
        return p.type == WH_CHOICE ? kChoice : p.type == WH_BOOL ? kSwitch : kWhole;
    return unit == "m" ? kLength : unit == "deg" ? kTurn : kNumber;
}

static double factor_of(int kind, double metres)
{
    return kind == kLength ? metres : kind == kTurn ? degrees : 1;
}

static std::vector<MObject> leaves_of(const MObject &attribute)
{
    if (!attribute.hasFn(MFn::kCompoundAttribute))
        return {attribute};
    const MFnCompoundAttribute compound(attribute);
    std::vector<MObject> children;
    for (unsigned i = 0; i < compound.numChildren(); i++)
        children.push_back(compound.child(i));
    return children;
}

static double default_of(const MObject &leaf)
{
    double value = 0;
    short choice = 0;
    if (leaf.hasFn(MFn::kEnumAttribute))
        return MFnEnumAttribute(leaf).getDefault(choice), choice;
    if (leaf.hasFn(MFn::kUnitAttribute))
        MFnUnitAttribute(leaf).getDefault(value);
    else
        MFnNumericAttribute(leaf).getDefault(value);
    return value;
}

static bool has_choices(const MObject &leaf, const std::vector<std::string> &choices)
{
    const MFnEnumAttribute fn(leaf);
    MStatus status;
    for (size_t i = 0; i < choices.size(); i++)
        if (choices[i] != fn.fieldName((short)i, &status).asChar() || !status)
            return false;
    return fn.fieldName((short)choices.size(), &status) == MString() || !status;
}

static bool fits(const MObject &attribute, const Param &p)
{
    const std::vector<MObject> leaves = leaves_of(attribute);
    const Kind kind = kind_of(p.value);
    return leaves.size() == p.value.count && kind_of(leaves[0]) == kind &&
           (kind != kChoice || has_choices(leaves[0], p.choices));
}

static bool is_connected(const MPlug &plug)
{
    return plug.isConnected() || plug.isLocked() || (plug.isCompound() && plug.numConnectedChildren() > 0);
}

/* Keyed, connected, locked, or moved from where the file had put it. */
static bool is_touched(const MObject &node, const MObject &attribute)
{
    if (is_connected(MPlug(node, attribute)))
        return true;
    const std::vector<MObject> leaves = leaves_of(attribute);
    return std::any_of(leaves.begin(), leaves.end(),
                       [&](const MObject &leaf) { return MPlug(node, leaf).asDouble() != default_of(leaf); });
}

/* ---- making one ---- */

static MObject make_leaf(const std::string &name, const Param &p, double init)
{
    MFnNumericAttribute number;
    MFnUnitAttribute unit;
    MFnEnumAttribute choice;
    const char *word = name.c_str();
    switch (kind_of(p.value)) {
    case kLength:
        return unit.create(word, word, MFnUnitAttribute::kDistance, init);
    case kTurn:
        return unit.create(word, word, MFnUnitAttribute::kAngle, init);
    case kWhole:
        return number.create(word, word, MFnNumericData::kInt, init);
    case kSwitch:
        return number.create(word, word, MFnNumericData::kBoolean, init);
    case kChoice: {
        const MObject made = choice.create(word, word, (short)init);
        for (size_t i = 0; i < p.choices.size(); i++)
            choice.addField(p.choices[i].c_str(), (short)i);
        return made;
    }
    default:
        return number.create(word, word, MFnNumericData::kDouble, init);
    }
}

static MObject make_attribute(const std::string &name, const Param &p, double metres)
{
    const double factor = factor_of(kind_of(p.value), metres);
    MObject made;
    if (p.value.count == 1) {
        made = make_leaf(name, p, p.value.init[0] / factor);
    } else {
        MFnCompoundAttribute compound;
        made = compound.create(name.c_str(), name.c_str());
        for (unsigned k = 0; k < p.value.count; k++) {
            const MObject child = make_leaf(name + "XYZW"[k], p, p.value.init[k] / factor);
            MFnAttribute(child).setKeyable(true);
            compound.addChild(child);
        }
    }
    MFnAttribute fn(made);
    fn.setKeyable(true);
    fn.setStorable(true);
    fn.addToCategory(param_category);
    return made;
}

template <class Fn> static void set_range(const MObject &leaf, double init, double min, double max)
{
    Fn fn(leaf);
    fn.setMin(min);
    fn.setMax(max);
    fn.setDefault(init);
}

/* Name, range and default as the file has them now. */
static void describe(const MObject &node, const MObject &attribute, const Param &p, double metres)
{
    const bool untouched = !is_touched(node, attribute);
    const std::vector<MObject> leaves = leaves_of(attribute);
    MFnAttribute(attribute).setNiceNameOverride(p.label.c_str());
    for (unsigned k = 0; k < leaves.size(); k++) {
        const Kind kind = kind_of(leaves[k]);
        const double factor = factor_of(kind, metres), init = p.value.init[k] / factor;
        const double min = p.value.min / factor, max = p.value.max / factor;
        if (kind == kLength || kind == kTurn)
            set_range<MFnUnitAttribute>(leaves[k], init, min, max);
        else if (kind == kNumber)
            set_range<MFnNumericAttribute>(leaves[k], init, min, max);
        else if (kind == kWhole)
            set_range<MFnNumericAttribute>(leaves[k], init, std::max(min, -largest), std::min(max, largest));
        else if (kind == kChoice)
            MFnEnumAttribute(leaves[k]).setDefault((short)init);
        else
            MFnNumericAttribute(leaves[k]).setDefault(init);
        if (untouched && MPlug(node, leaves[k]).asDouble() != init)
            MPlug(node, leaves[k]).setDouble(init);
    }
}

/* ---- giving them to the node ---- */

class Gardener
{
  public:
    Gardener(const MObject &node, double metres) : node_(node), fn_(node), metres_(metres)
    {
    }

    Slot tend(const Param &p)
    {
        MObject attribute = find(legal(p.id));
        if (attribute.isNull() && !p.was.empty())
            attribute = rename(find(legal(p.was)), legal(p.id));
        if (attribute.isNull())
            attribute = add(make_attribute(free_name(legal(p.id)), p, metres_));
        else if (!fits(attribute, p) && !is_connected(MPlug(node_, attribute)))
            attribute = replace(attribute, p);
        if (fits(attribute, p))
            describe(node_, attribute, p, metres_);
        Slot slot{p.id, {}};
        for (const MObject &leaf : leaves_of(attribute))
            slot.component.push_back({leaf, kind_of(leaf), factor_of(kind_of(leaf), metres_)});
        kept_.push_back(attribute);
        return slot;
    }

    Map tend_map(const std::string &name)
    {
        const std::string weights = legal(name) + "Map", list = weights + "List";
        MObject found = fn_.attribute(list.c_str());
        if (found.isNull()) {
            MFnNumericAttribute number;
            MFnCompoundAttribute compound;
            const MObject child = number.create(weights.c_str(), weights.c_str(), MFnNumericData::kFloat, 1);
            number.setArray(true);
            number.setUsesArrayDataBuilder(true);
            found = compound.create(list.c_str(), list.c_str());
            compound.addChild(child);
            compound.setArray(true);
            compound.setUsesArrayDataBuilder(true);
            compound.addToCategory(map_category);
            found = add(found);
        }
        return {name, found, MFnCompoundAttribute(found).child(0)};
    }

    /* Takes away what nobody wants, and nobody has touched. */
    void prune()
    {
        std::vector<MObject> gone;
        for (unsigned i = 0; i < fn_.attributeCount(); i++) {
            const MObject a = fn_.attribute(i);
            const MFnAttribute attribute(a);
            if (attribute.hasCategory(param_category) && std::find(kept_.begin(), kept_.end(), a) == kept_.end() &&
                !is_touched(node_, a))
                gone.push_back(a);
        }
        for (const MObject &a : gone)
            remove(a);
    }

  private:
    MObject find(const std::string &name) const
    {
        const MObject found = fn_.attribute(name.c_str());
        const bool ours = !found.isNull() && MFnAttribute(found).hasCategory(param_category);
        return ours ? found : found.isNull() ? found : fn_.attribute((name + "_").c_str());
    }

    std::string free_name(const std::string &name) const
    {
        return fn_.attribute(name.c_str()).isNull() ? name : name + "_";
    }

    MObject add(const MObject &attribute)
    {
        MDGModifier change;
        change.addAttribute(node_, attribute);
        change.doIt();
        return attribute;
    }

    void remove(const MObject &attribute)
    {
        MDGModifier change;
        change.removeAttribute(node_, attribute);
        change.doIt();
    }

    MObject rename(const MObject &attribute, const std::string &name)
    {
        if (attribute.isNull())
            return attribute;
        MDGModifier change;
        change.renameAttribute(node_, attribute, name.c_str(), name.c_str());
        change.doIt();
        return attribute;
    }

    /* Another type: numbers stay numbers, choices stay words. */
    MObject replace(const MObject &old, const Param &p)
    {
        const MObject leaf = leaves_of(old)[0];
        const bool touched = is_touched(node_, old);
        const double was = MPlug(node_, leaf).asDouble() * factor_of(kind_of(leaf), metres_);
        const bool choices = kind_of(leaf) == kChoice && kind_of(p.value) == kChoice;
        const std::string word = choices ? MFnEnumAttribute(leaf).fieldName((short)was).asChar() : "";
        remove(old);
        const MObject made = add(make_attribute(legal(p.id), p, metres_));
        const MObject first = leaves_of(made)[0];
        const auto at = std::find(p.choices.begin(), p.choices.end(), word);
        if (touched && choices && at != p.choices.end())
            MPlug(node_, first).setInt((int)(at - p.choices.begin()));
        else if (touched && kind_of(leaf) != kChoice && kind_of(p.value) != kChoice)
            MPlug(node_, first)
                .setDouble(std::min(std::max(was, p.value.min), p.value.max) / factor_of(kind_of(first), metres_));
        return made;
    }

    MObject node_;
    MFnDependencyNode fn_;
    double metres_;
    std::vector<MObject> kept_;
};

std::shared_ptr<const Layout> layout_of(const MObject &node, const Session &session, double metres, bool prune)
{
    const auto layout = std::make_shared<Layout>();
    Gardener gardener(node, metres);
    for (const Param &p : session.params)
        layout->slots.push_back(gardener.tend(p));
    for (const std::string &name : session.attributes)
        layout->maps.push_back(gardener.tend_map(name));
    if (prune)
        gardener.prune();
    return layout;
}

/* ---- reading them ---- */

static double read_component(MDataBlock &block, const Component &c)
{
    MStatus status;
    const MDataHandle value = block.inputValue(c.attribute, &status);
    if (!status || c.kind == kOther)
        return NAN; /* as the file has it */
    const double plain = c.kind == kWhole    ? value.asInt()
                         : c.kind == kSwitch ? value.asBool()
                         : c.kind == kChoice ? value.asShort()
                                             : value.asDouble();
    return plain * c.factor;
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
