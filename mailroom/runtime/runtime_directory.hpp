#pragma once
// The directory that holds the endpoints of one user's processes, opened once and checked: ours, closed to others, no symbolic
// link. Everything in it is reached relative to the open directory, so that neither a long path nor a replaced one matters.

#include <mailroom/runtime/error.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace mailroom {

class MAILROOM_EXPORT runtime_directory {
public:
#ifdef _WIN32
  using native_directory = std::intptr_t;
#else
  using native_directory = int;
#endif

  /// Creates (for this user alone) or opens the directory. Fails with `system_error` or `denied`, naming path and cause.
  static expected<std::shared_ptr<const runtime_directory>> open(const std::filesystem::path& path);

  ~runtime_directory();
  runtime_directory(const runtime_directory&) = delete;
  runtime_directory& operator=(const runtime_directory&) = delete;

  const std::filesystem::path& path() const noexcept {
    return path_;
  }

  /// The open directory: a file descriptor, or on Windows a HANDLE.
  native_directory native() const noexcept {
    return native_;
  }

  /// The file names in it, in no order.
  std::vector<std::string> list() const;

private:
  runtime_directory(std::filesystem::path path, native_directory native) : path_{std::move(path)}, native_{native} {}

  std::filesystem::path path_;
  native_directory native_;
};

/// MAILROOM_DIR, else the system's usual place for this user.
MAILROOM_EXPORT std::filesystem::path default_runtime_directory();

} // namespace mailroom
