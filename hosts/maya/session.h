/* session.h - a pipeline file that is open. Every node that names the file shares it: what differs from node to node,
 * values of parameters and time, goes along with each cook. */
#pragma once
#include "whorl.h"
#include <atomic>
#include <map>
#include <memory>
#include <string>

namespace whorl
{
class Session /* all [main] but what is atomic */
{
  public:
    static std::shared_ptr<Session> open(const std::string &file); /* the one that is there, or a new one */
    static bool poll_all(double seconds); /* true: something was taken over; waits for that at most so long */
    static void close_unused();
    static std::map<std::string, std::shared_ptr<Session>> all;

    explicit Session(const std::string &path);
    ~Session();
    Session(const Session &) = delete;
    void look_again(); /* what runs is another */

    const std::string file;
    wh_session *handle = nullptr;
    int serial = 0;                /* moves when results may be others */
    std::atomic<bool> runs{false}; /* there is a pipeline, be it the one before the last save */
    std::atomic<bool> needs_mesh{false};

  private:
    bool poll();
    uint64_t revision_ = 0;
};
} // namespace whorl
