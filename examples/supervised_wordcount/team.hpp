#pragma once
// The worker processes, under a supervisor: one that dies is started again under its name, and none outlives this program.

#include <mailroom/mailroom.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace wordcount {

class team {
public:
  /// Nothing but names, so far. `listen` is told of each worker's births and deaths, on the supervisor's thread.
  team(std::size_t workers, std::function<void(const mailroom::supervision_event&)> listen);

  /// Starts the workers, with `arguments`, and returns when all are up. Throws `mailroom::failure`. They end with `sys`, or when they die too
  /// often, of which `give_up` is told.
  void start(mailroom::system& sys, const std::vector<std::string>& arguments,
             std::function<void(const mailroom::error&)> give_up);

  /// The names of the processes.
  const std::vector<std::string>& names() const noexcept { return names_; }

  /// At once, and without a last word. Returns false where it is dead already.
  bool kill(std::size_t number);

private:
  void note(const mailroom::supervision_event& event);

  std::vector<std::string> names_;
  std::function<void(const mailroom::supervision_event&)> listen_;

  std::mutex mutex_;
  std::map<std::string, std::uint32_t> pids_; // of those that are up
};

} // namespace wordcount
