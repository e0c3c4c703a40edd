#pragma once
// A program to run as a child process, and how.

#include <mailroom/export.hpp>
#include <mailroom/runtime/error.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace mailroom {

/// What becomes of a child's standard output and standard error.
enum class child_output : std::uint8_t {
  logged,    ///< line by line on the log, under the child's name: output as info, errors as warning
  inherited, ///< where this process's own goes
  discarded
};

struct process_spec {
  /// With a separator: a path, relative to this process's working directory. Without one: looked up in PATH.
  std::filesystem::path program{};

  /// Without the program itself. Each arrives as one argument, whatever is in it.
  std::vector<std::string> arguments{};

  /// On top of this process's environment, or instead of what is there. An empty value is a value.
  std::map<std::string, std::string> environment{};

  /// Empty: this process's.
  std::filesystem::path working_directory{};

  child_output output = child_output::logged;

  /// It has a `mailroom::system`, whose process name is the child's id: it is ready when that answers, is asked to stop by message, and is
  /// hung when it does not answer. False for any other program: it is ready when it runs, and asked by SIGTERM (Windows: Ctrl-Break).
  bool speaks_mailroom = true;

  /// Bytes of address space that it may have (Linux: RLIMIT_AS; Windows: the job's limit). 0: as many as it likes.
  std::uint64_t max_memory = 0;
};

/// Whether a system could be asked for this: it has a program, no text has a zero byte within, and variables have names. `system_error`.
MAILROOM_EXPORT expected<void> validate(const process_spec& what);

} // namespace mailroom
