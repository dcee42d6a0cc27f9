/* attributes.h - the parameters of a pipeline as dynamic attributes of a node, and the point attributes that it reads
 * as weight maps to paint. They are found again by name and category, in a scene that was opened too.
 *
 * Lengths are distances and angles are angles of Maya's. A unit of the scene counts as a metre: the numbers of a mesh
 * are the numbers that whorl sees, and the same mesh gives the same points, bit for bit, in every host. */
#pragma once
#include "session.h"
#include <maya/MDataBlock.h>
#include <maya/MObject.h>
#include <vector>

namespace whorl
{
struct Layout { /* what a cook reads of its node; never changed, only replaced */
    struct Slot {
        std::string id;
        std::vector<MObject> component;
    };
    struct Map { /* NAMEMapList[geometry].NAMEMap[point], as Maya has weightList[].weights[] */
        std::string name;
        MObject list, weights;
    };
    std::vector<Slot> slots;
    std::vector<Map> maps;
    std::vector<wh_setting> read(MDataBlock &block) const; /* [any] lasts as long as the layout */
};

/* Gives the node the attributes that the session asks for. Values, keys and connections stay; what nobody has touched
 * follows the file. With prune, what the pipeline does not have any more goes, unless somebody has touched it. [main]
 */
std::shared_ptr<const Layout> layout_of(const MObject &node, const Session &session, bool prune);
} // namespace whorl
