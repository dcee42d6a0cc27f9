/* session.h - a pipeline file that is open. Every node that names the file shares it: what differs from node to node,
 * values of parameters and time, goes along with each cook. A cook never waits for a reload, nor a reload for a cook.
 */
#pragma once
#include "whorl.h"
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace whorl
{
struct Param { /* what the pipeline exposes; a copy that outlives a reload */
    std::string id, was, label;
    std::vector<std::string> choices;
    wh_param value;
};

class Session
{
  public:
    static std::shared_ptr<Session> open(const std::string &file); /* [main] the one that is there, or a new one */
    static bool
    poll_all(unsigned milliseconds); /* [main] true: something was taken over; waits for that at most so long */
    static const std::map<std::string, std::shared_ptr<Session>> &all();
    static void close_unused(); /* [main] */
    explicit Session(const std::string &file);
    ~Session();
    Session(const Session &) = delete;

    wh_session *handle() const
    {
        return session_;
    }
    void look_again(); /* [main] after something was taken over, or set by hand */
    std::string json() const;

    const std::string file;
    std::string message;           /* what is wrong now, or "" */
    int serial = 1;                /* moves when results may be others */
    std::atomic<bool> runs{false}; /* a pipeline was loaded, be it the one before the last save */
    std::atomic<bool> needs_mesh{false};
    std::vector<Param> params;
    std::vector<std::string> attributes; /* of points, that the pipeline reads */

  private:
    bool poll();
    void note(const wh_event &event);
    wh_session *session_ = nullptr;
    uint64_t revision_ = 0;
    double milliseconds_ = 0; /* of the last reload, from noticing the save */
};

std::string quote(const std::string &text); /* as JSON has it */
} // namespace whorl
