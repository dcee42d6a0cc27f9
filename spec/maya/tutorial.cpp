/* tutorial.cpp - plays saves to the deformer of tutorial_plugin.cpp, on the stand-in for Maya. Usage:
 *   tutorial FOLDER MODE [COUNT]
 * The plug-in and the libraries that it reloads lie beside this program; FOLDER is written to. All happens in a child
 * process; a line of counts and how the child ended is printed. Times of files are set, so that no second has to pass:
 *   untouched COUNT  a save each second, evaluated; nothing else in the scene changes
 *   apart COUNT      a save each second; the deformer is made dirty before each evaluation
 *   quick COUNT      the same, ten saves a second
 *   half             half of a library is there for a moment, as while a linker writes
 *   wrong            a library without the function
 *   swapped          a library whose settings have changed places
 *   crash            a library that follows a null pointer
 *   overwritten      cp writes over the file
 *   threads COUNT    eight nodes are evaluated on eight threads while COUNT saves come */
#include "stage.h"
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{
constexpr int nodes = 8;
constexpr float amount = 2; /* of the plug-in's settings */
constexpr time_t begin = 1000000000;

struct Counts {
    std::atomic<int> saves, seen, failed, wrong;
    std::atomic<float> got;
};

std::string logic, swapped, live, plugin_path;
Counts *counts;

std::string read(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string &path, const std::string &bytes, double time)
{
    std::ofstream(path, std::ios::binary) << bytes;
    const timespec at = {begin + static_cast<time_t>(time), static_cast<long>(1e9 * (time - static_cast<long>(time)))};
    const timespec times[2] = {at, at};
    utimensat(AT_FDCWD, path.c_str(), times, 0);
}

/* The bytes of a library with another number. */
std::string numbered(const std::string &path, int number)
{
    std::string bytes = read(path);
    const size_t mark = bytes.find(std::string("whorlnumber", 12));
    if (mark == std::string::npos)
        std::exit(2);
    std::memcpy(&bytes[mark + 12], &number, sizeof number);
    return bytes;
}

/* As careful build tools do it: beside, and renamed. */
void save(const std::string &bytes, double time)
{
    write(live + ".new", bytes, time);
    std::rename((live + ".new").c_str(), live.c_str());
    counts->saves++;
}

/* ---- the scene ---- */

standin::Mesh line_of_points()
{
    standin::Mesh mesh;
    for (int i = 0; i < 3000; i++)
        mesh.points.push_back(i % 3 == 0 ? 0 : static_cast<float>(i));
    mesh.counts = {3};
    mesh.vertices = {0, 1, 2};
    return mesh;
}

MObject make_deformer(int number)
{
    const MObject mesh = standin::create_mesh("mesh" + std::to_string(number), line_of_points());
    return standin::apply_deformer("tutorialDeformer", {mesh});
}

void load_plugin()
{
    if (!standin::load_plugin(plugin_path))
        std::exit(2);
}

/* x of the last point, which is 0 before it is deformed. */
float evaluate(const MObject &deformer, bool touch)
{
    if (touch)
        standin::plug(deformer, "envelope").setDouble(1);
    const unsigned before = standin::failures();
    const standin::Mesh mesh = standin::evaluate(deformer, 0);
    counts->failed += static_cast<int>(standin::failures() - before);
    counts->got = mesh.points[mesh.points.size() - 3];
    return counts->got;
}

/* ---- the modes ---- */

void follow_saves(int count, double step, bool touch)
{
    save(numbered(logic, 1), 0);
    counts->saves = 0;
    load_plugin();
    const MObject deformer = make_deformer(0);
    evaluate(deformer, true);
    for (int i = 2; i < count + 2; i++) {
        save(numbered(logic, i), (i - 1) * step);
        bool seen = false;
        for (int turn = 0; turn < 3; turn++)
            seen = evaluate(deformer, touch) == amount + static_cast<float>(i) || seen;
        counts->seen += seen;
    }
}

/* One save after a good one that was seen; three evaluations. */
void follow_one(const std::string &bytes)
{
    save(numbered(logic, 1), 0);
    load_plugin();
    const MObject deformer = make_deformer(0);
    evaluate(deformer, true);
    save(bytes, 1);
    for (int turn = 0; turn < 3; turn++)
        evaluate(deformer, true);
}

void overwrite()
{
    save(numbered(logic, 1), 0);
    load_plugin();
    const MObject deformer = make_deformer(0);
    evaluate(deformer, true);
    counts->saves++;
    write(live, "", 1); /* what cp does before it writes */
    evaluate(deformer, true);
}

void evaluate_all_the_time(const MObject &deformer)
{
    standin::Mesh mesh;
    for (;;) {
        if (!standin::evaluate_in_context(deformer, 0, mesh)) {
            counts->failed++;
            continue;
        }
        const float x = mesh.points[mesh.points.size() - 3];
        if (x < amount + 1 || x > amount + static_cast<float>(counts->saves + 1))
            counts->wrong++;
        counts->seen++;
    }
}

void reload_under_threads(int count)
{
    save(numbered(logic, 1), 0);
    counts->saves = 0;
    load_plugin();
    for (int i = 0; i < nodes; i++)
        std::thread(evaluate_all_the_time, make_deformer(i)).detach();
    for (int i = 1; i <= count; i++) {
        save(numbered(logic, i + 1), i);
        usleep(20000);
    }
    _exit(0);
}

void play(const std::string &mode, int count)
{
    if (mode == "untouched" || mode == "apart" || mode == "quick")
        follow_saves(count, mode == "quick" ? 0.1 : 1, mode != "untouched");
    else if (mode == "half")
        follow_one(read(logic).substr(0, read(logic).size() / 2));
    else if (mode == "wrong")
        follow_one(read(plugin_path));
    else if (mode == "swapped")
        follow_one(numbered(swapped, 1));
    else if (mode == "crash")
        follow_one(numbered(logic, 0));
    else if (mode == "overwritten")
        overwrite();
    else if (mode == "threads")
        reload_under_threads(count);
    else
        _exit(2);
    _exit(0); /* what is still mapped is the child's own affair */
}
} // namespace

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const std::filesystem::path beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    plugin_path = beside / "tutorial_plugin.so", logic = beside / "tutorial_logic.so";
    swapped = beside / "tutorial_swapped.so", live = std::string(argv[1]) + "/live.so";
    setenv("TUTORIAL_LIBRARY", live.c_str(), 1);
    counts = static_cast<Counts *>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t child = fork();
    if (child == 0)
        play(argv[2], argc > 3 ? std::atoi(argv[3]) : 1);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 2;
    std::printf("saves %d seen %d failed %d wrong %d got %g ", counts->saves.load(), counts->seen.load(),
                counts->failed.load(), counts->wrong.load(), static_cast<double>(counts->got.load()));
    if (WIFSIGNALED(status))
        std::printf("ended by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    else
        std::printf("ended with %d\n", WEXITSTATUS(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 0;
}
