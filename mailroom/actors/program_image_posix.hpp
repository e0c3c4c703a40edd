#pragma once
// A program as `execve` takes it: found, with its arguments and its whole environment. Made before a fork, after which nothing may be allocated.

#include <mailroom/actors/process_spec.hpp>

#include <string>
#include <vector>

namespace mailroom {

class program_image {
public:
  /// As things are now: this process's working directory, PATH and environment. `system_error`.
  static expected<program_image> of(const process_spec& what);

  /// These are good as long as the object.
  const char* path() const noexcept { return path_.c_str(); }
  char* const* arguments() const noexcept { return argument_pointers_.data(); }
  char* const* environment() const noexcept { return variable_pointers_.data(); }

private:
  program_image() = default;

  std::string path_;
  std::vector<std::string> arguments_;
  std::vector<std::string> variables_;
  std::vector<char*> argument_pointers_; // into these: moving a vector does not move what is in it
  std::vector<char*> variable_pointers_;
};

} // namespace mailroom
