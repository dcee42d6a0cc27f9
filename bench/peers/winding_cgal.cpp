// CGAL: the side of a closed mesh that a point is on, by the parity of a ray's crossings, which is exact.
#include "winding.hpp"
#include <CGAL/Exact_predicates_inexact_constructions_kernel.h>
#include <CGAL/Side_of_triangle_mesh.h>
#include <CGAL/Surface_mesh.h>
#include <memory>

using kernel = CGAL::Exact_predicates_inexact_constructions_kernel;
using surface = CGAL::Surface_mesh<kernel::Point_3>;
using side = CGAL::Side_of_triangle_mesh<surface, kernel>;

static surface read_surface()
{
    const auto points = read_array<float>("points");
    const auto triangles = read_array<uint32_t>("triangles");
    surface out;
    for (size_t i = 0; i < points.size(); i += 3)
        out.add_vertex(kernel::Point_3(points[i], points[i + 1], points[i + 2]));
    for (size_t i = 0; i < triangles.size(); i += 3)
        out.add_face(surface::Vertex_index(triangles[i]), surface::Vertex_index(triangles[i + 1]),
                     surface::Vertex_index(triangles[i + 2]));
    return out;
}

int main()
{
    const surface mesh = read_surface();
    std::unique_ptr<side> tree;
    const auto ask = [&](const float *q, size_t count, float *out) {
        for (size_t i = 0; i < count; i++, q += 3)
            out[i] = (*tree)(kernel::Point_3(q[0], q[1], q[2])) != CGAL::ON_UNBOUNDED_SIDE;
    };
    const auto build = [&] {
        const float far[3] = {0, 0, 0};
        float unused;
        tree = std::make_unique<side>(mesh);
        ask(far, 1, &unused); // builds what was put off
    };
    return serve(build, ask);
}
