#pragma once
// The worker processes: none outlives the object.

#include "child_process.hpp"

#include <mailroom/mailroom.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace wordcount {

class team {
public:
  /// Nothing but names, so far.
  explicit team(std::size_t workers);
  ~team();

  /// Starts workers that belong to the process `coordinator` and meet it in `directory`, with `arguments` of mailroom's own. Throws
  /// `std::system_error`.
  void start(const std::string& coordinator, const std::filesystem::path& directory,
             const std::vector<std::string>& arguments);

  /// Returns when all can be asked, or throws `mailroom::failure`, or returns early when this program is interrupted.
  void wait_until_ready(mailroom::system& sys);

  /// The names of the processes.
  const std::vector<std::string>& names() const noexcept { return names_; }

  void kill(std::size_t number) { processes_[number].kill(); }

private:
  std::vector<std::string> names_;
  std::vector<examples::child_process> processes_;
};

} // namespace wordcount
