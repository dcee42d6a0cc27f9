#include "session.h"
#include <algorithm>
#include <chrono>
#include <maya/MGlobal.h>

namespace whorl
{
static std::map<std::string, std::shared_ptr<Session>> sessions;

const std::map<std::string, std::shared_ptr<Session>> &Session::all()
{
    return sessions;
}

std::shared_ptr<Session> Session::open(const std::string &file)
{
    std::shared_ptr<Session> &found = sessions[file];
    if (!found)
        found = std::make_shared<Session>(file);
    return found;
}

/* The registry is the last to let go, so that a session is closed here and not by a cook on some thread. */
void Session::close_unused()
{
    for (auto at = sessions.begin(); at != sessions.end();)
        at = at->second.use_count() == 1 ? sessions.erase(at) : std::next(at);
}

Session::Session(const std::string &path) : file(path)
{
    wh_options options = {};
    options.size = sizeof options;
    options.host = "maya";
    if (wh_open(file.c_str(), &options, &session_) != WH_OK)
        message = wh_last_error();
    poll();
    look_again();
}

Session::~Session()
{
    wh_close(session_);
}

bool Session::poll_all(unsigned milliseconds)
{
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
    bool changed = false;
    do {
        for (const auto &pair : sessions)
            changed |= pair.second->poll();
        if (!changed && milliseconds && !sessions.empty())
            wh_wait(sessions.begin()->second->session_, 10);
    } while (!changed && Clock::now() < end);
    return changed;
}

bool Session::poll()
{
    const uint64_t revision = wh_poll(session_);
    bool changed = revision != revision_;
    revision_ = revision;
    wh_event event = {};
    event.size = sizeof event;
    while (wh_next_event(session_, &event)) {
        changed |= event.kind == WH_EV_RELOADED || event.kind == WH_EV_PARAMS;
        note(event);
    }
    if (changed)
        look_again();
    return changed;
}

void Session::note(const wh_event &event)
{
    if (event.kind == WH_EV_REJECTED && message != event.text) {
        message = event.text;
        MGlobal::displayWarning(event.text);
    } else if (event.kind == WH_EV_RELOADED) {
        message.clear();
        milliseconds_ = event.milliseconds;
    }
}

static std::vector<std::string> split(const char *choices)
{
    std::vector<std::string> words;
    for (std::string rest = choices; !rest.empty();) {
        const size_t end = std::min(rest.find('|'), rest.size());
        words.push_back(rest.substr(0, end));
        rest.erase(0, end + 1);
    }
    return words;
}

void Session::look_again()
{
    serial++;
    params.clear();
    attributes.clear();
    for (uint32_t i = 0; i < wh_param_count(session_); i++) {
        wh_param p = {};
        p.size = sizeof p;
        if (wh_param_at(session_, i, &p) != WH_OK)
            continue;
        const std::string unit = p.unit, known = unit.empty() || unit == "m" || unit == "deg" ? "" : " (" + unit + ")";
        params.push_back({p.id, p.was, p.label + known, split(p.choices), p});
        params.back().value.unit = unit == "m" ? "m" : unit == "deg" ? "deg" : ""; /* outlives the pipeline */
    }
    for (uint32_t i = 0; const char *name = wh_needs_attribute(session_, i); i++)
        if (std::find(attributes.begin(), attributes.end(), name) == attributes.end())
            attributes.push_back(name);
    needs_mesh = wh_needs_mesh(session_);
    runs = std::string(wh_plan_json(session_)) != "null";
}

/* ---- what is said of it ---- */

std::string quote(const std::string &text)
{
    std::string out = "\"";
    for (const char c : text) {
        char escaped[8];
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)c);
        out += c == '"' || c == '\\' ? std::string("\\") + c : (unsigned char)c < 32 ? escaped : std::string(1, c);
    }
    return out + "\"";
}

std::string Session::json() const
{
    std::string kernels;
    wh_stage_info stage = {};
    stage.size = sizeof stage;
    for (uint32_t i = 0; i < wh_stage_count(session_); i++)
        if (wh_stage_at(session_, i, &stage) == WH_OK)
            kernels += (kernels.empty() ? "" : ", ") + ("{\"kernel\": " + quote(stage.kernel)) +
                       ", \"generation\": " + std::to_string(stage.generation) +
                       ", \"milliseconds\": " + std::to_string(stage.milliseconds) + "}";
    return "{\"file\": " + quote(file) + ", \"runs\": " + (runs ? "true" : "false") +
           ", \"serial\": " + std::to_string(serial) + ", \"revision\": " + std::to_string(revision_) +
           ", \"reload_milliseconds\": " + std::to_string(milliseconds_) + ", \"message\": " + quote(message) +
           ", \"stages\": [" + kernels + "]}";
}
} // namespace whorl
