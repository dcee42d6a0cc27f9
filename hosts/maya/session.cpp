#include "session.h"
#include <chrono>
#include <maya/MGlobal.h>

namespace whorl
{
std::map<std::string, std::shared_ptr<Session>> Session::all;

std::shared_ptr<Session> Session::open(const std::string &file)
{
    std::shared_ptr<Session> &found = all[file];
    if (!found)
        found = std::make_shared<Session>(file);
    return found;
}

/* The registry is the last to let go, so that a session is closed here and not by a cook on some thread. */
void Session::close_unused()
{
    for (auto at = all.begin(); at != all.end();)
        at = at->second.use_count() == 1 ? all.erase(at) : std::next(at);
}

Session::Session(const std::string &path) : file(path)
{
    wh_options options = {};
    options.size = sizeof options;
    options.host = "maya";
    wh_open(file.c_str(), &options, &handle);
    poll();
    look_again();
}

Session::~Session()
{
    wh_close(handle);
}

bool Session::poll_all(double seconds)
{
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    bool changed = false;
    do {
        if (seconds > 0 && !all.empty())
            wh_wait(all.begin()->second->handle, 10);
        for (const auto &pair : all)
            changed |= pair.second->poll();
    } while (!changed && Clock::now() < end);
    return changed;
}

bool Session::poll()
{
    const uint64_t revision = wh_poll(handle);
    bool changed = revision != revision_;
    wh_event event = {};
    event.size = sizeof event;
    while (wh_next_event(handle, &event)) {
        changed |= event.kind == WH_EV_RELOADED || event.kind == WH_EV_PARAMS;
        if (event.kind == WH_EV_REJECTED)
            MGlobal::displayWarning((std::string("whorl: ") + event.text).c_str());
    }
    revision_ = revision;
    if (changed)
        look_again();
    return changed;
}

void Session::look_again()
{
    serial++;
    needs_mesh = wh_needs_mesh(handle);
    runs = std::string(wh_plan_json(handle)) != "null";
}
} // namespace whorl
