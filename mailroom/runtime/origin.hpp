#pragma once
// What a process was told by the supervisor that started it: its name, and who to look to. It is told by environment variables, and one system of a
// process at a time has it, so that several systems in one process stay several.

#include <mailroom/runtime/error.hpp>

#include <cstdint>
#include <string>

namespace mailroom {

/// The variables. A program that starts others by its own means, under a supervisor, takes them out of what those inherit.
inline constexpr const char* process_variable = "MAILROOM_PROCESS";
inline constexpr const char* parent_variable = "MAILROOM_PARENT";
inline constexpr const char* parent_pid_variable = "MAILROOM_PARENT_PID";

class origin {
public:
  /// Takes what the environment says, or nothing while another one has it. Throws `failure` where a variable makes no sense.
  origin();
  ~origin();

  origin(const origin&) = delete;
  origin& operator=(const origin&) = delete;

  /// The name to have; empty for none.
  const std::string& process() const noexcept { return process_; }

  /// The name of the supervising process; empty for none.
  const std::string& parent() const noexcept { return parent_; }

  /// 0 for none.
  std::uint32_t parent_pid() const noexcept { return parent_pid_; }

private:
  void read();

  bool mine_ = false;
  std::string process_;
  std::string parent_;
  std::uint32_t parent_pid_ = 0;
};

} // namespace mailroom
