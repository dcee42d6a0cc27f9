/* bench.cpp - what the plug-in costs beside the library, in the stand-in.
 * Usage: bench PLUGIN PIPELINE POINTS TURNS. Prints "alone MS" for wh_deform and "plugin MS" for deform() of the same
 * points, turn by turn, then "save MS" for each save of the pipeline: from the rename to a result that shows it. */
#include "stage.h"
#include "whorl.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace standin;
using Clock = std::chrono::steady_clock;

static double since(Clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

static Mesh cloud(int count)
{
    Mesh m;
    for (int i = 0; i < 3 * count; i++)
        m.points.push_back((float)(i * 7919 % 2000) / 1000 - 1);
    return m;
}

static wh_session *open_alone(const char *pipeline)
{
    wh_session *session;
    if (wh_open(pipeline, nullptr, &session) == WH_OK)
        return session;
    fprintf(stderr, "%s\n", wh_last_error());
    exit(1);
}

static void compare(const MObject &node, const Mesh &in, const char *pipeline, int turns)
{
    wh_session *session = open_alone(pipeline);
    std::vector<float> out(in.points.size());
    wh_view view = {};
    view.size = sizeof view;
    view.position = in.points.data();
    view.point_count = (uint32_t)(in.points.size() / 3);
    Mesh made;
    for (int i = -3; i < turns; i++) {
        const auto start = Clock::now();
        wh_deform(session, &view, 0, out.data());
        const double alone = since(start);
        evaluate_in_context(node, 0, made);
        if (i >= 0)
            printf("alone %.4f\nplugin %.4f\n", alone, deform_seconds() * 1e3);
    }
    if (made.points != out)
        fprintf(stderr, "the plug-in's points are others\n"), exit(1);
    wh_close(session);
}

static void save(const std::string &path, const std::string &text)
{
    std::ofstream(path + ".new") << text;
    rename((path + ".new").c_str(), path.c_str());
}

/* Fires the timer as often as Maya does, a tenth of a second, and each time evaluates what is dirty. */
static void reload(const MObject &node, const std::string &pipeline, int turns)
{
    std::stringstream text;
    text << std::ifstream(pipeline).rdbuf();
    for (int i = 0; i < turns; i++) {
        const float before = evaluate(node, 0).points[0];
        const size_t at = text.str().find("angle = ");
        std::string next = text.str();
        next.insert(at + 8, std::to_string(i + 1) + " + ");
        save(pipeline, next);
        const auto start = Clock::now();
        do {
            fire_timers(0.1);
            usleep(500);
        } while (evaluate(node, 0).points[0] == before && since(start) < 10000);
        printf("save %.4f\n", since(start));
    }
    save(pipeline, text.str());
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    Plugin *plugin = load_plugin(argv[1]);
    if (!plugin)
        return 1;
    const Mesh in = cloud(atoi(argv[3]));
    MObject node = apply_deformer("whorlDeformer", {create_mesh("cloud", in)});
    plug(node, "pipeline").setString(argv[2]);
    compare(node, in, argv[2], atoi(argv[4]));
    set_mesh(find_node("cloud"), cloud(20000));
    reload(node, argv[2], atoi(argv[4]));
    printf("failed %u\n", failures());
    node = MObject();
    new_scene();
    return unload_plugin(plugin) ? 0 : 1;
}
