#pragma once
// A program as CreateProcess takes it: found, with its command line and its whole environment.

#include <mailroom/actors/process_spec.hpp>

#include <string>

namespace mailroom {

class program_image {
public:
  /// As things are now: this process's working directory, PATH and environment. `system_error`.
  static expected<program_image> of(const process_spec& what);

  const std::wstring& path() const noexcept { return path_; }

  /// From which a C runtime gets the arguments as they were.
  const std::wstring& command_line() const noexcept { return command_line_; }

  /// Sorted as Windows wants it; each variable ends with a zero, and all of them with another.
  const std::wstring& environment() const noexcept { return environment_; }

private:
  program_image() = default;

  std::wstring path_;
  std::wstring command_line_;
  std::wstring environment_;
};

} // namespace mailroom
