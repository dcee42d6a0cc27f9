// Embree 3: one ray from each query; inside where the first triangle it meets is seen from behind. Closed meshes only.
#include "winding.hpp"
#include <cstring>
#include <embree3/rtcore.h>
#include <limits>

static const float direction[3] = {0.3511f, 0.7243f, 0.5934f};

static void fill(RTCGeometry geometry, RTCBufferType type, RTCFormat format, const void *from, size_t size,
                 size_t count)
{
    std::memcpy(rtcSetNewGeometryBuffer(geometry, type, 0, format, size, count), from, size * count);
}

static RTCScene make_scene(RTCDevice device, const std::vector<float> &points, const std::vector<uint32_t> &triangles)
{
    RTCScene scene = rtcNewScene(device);
    RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
    rtcSetSceneFlags(scene, RTC_SCENE_FLAG_ROBUST);
    fill(geometry, RTC_BUFFER_TYPE_VERTEX, RTC_FORMAT_FLOAT3, points.data(), 12, points.size() / 3);
    fill(geometry, RTC_BUFFER_TYPE_INDEX, RTC_FORMAT_UINT3, triangles.data(), 12, triangles.size() / 3);
    rtcCommitGeometry(geometry);
    rtcAttachGeometry(scene, geometry);
    rtcReleaseGeometry(geometry);
    rtcCommitScene(scene);
    return scene;
}

static bool is_inside(RTCScene scene, const float *q)
{
    RTCIntersectContext context;
    rtcInitIntersectContext(&context);
    RTCRayHit r = {};
    r.ray.org_x = q[0], r.ray.org_y = q[1], r.ray.org_z = q[2];
    r.ray.dir_x = direction[0], r.ray.dir_y = direction[1], r.ray.dir_z = direction[2];
    r.ray.tfar = std::numeric_limits<float>::infinity();
    r.ray.mask = ~0u;
    r.hit.geomID = RTC_INVALID_GEOMETRY_ID;
    rtcIntersect1(scene, &context, &r);
    return r.hit.geomID != RTC_INVALID_GEOMETRY_ID &&
           r.hit.Ng_x * direction[0] + r.hit.Ng_y * direction[1] + r.hit.Ng_z * direction[2] > 0;
}

int main()
{
    const auto points = read_array<float>("points");
    const auto triangles = read_array<uint32_t>("triangles");
    RTCDevice device = rtcNewDevice("threads=1");
    RTCScene scene = nullptr;
    const auto build = [&] {
        if (scene)
            rtcReleaseScene(scene);
        scene = make_scene(device, points, triangles);
    };
    const auto ask = [&](const float *q, size_t count, float *out) {
        for (size_t i = 0; i < count; i++)
            out[i] = is_inside(scene, q + 3 * i);
    };
    return serve(build, ask);
}
