#pragma once
// What the POSIX twin files share: errno as an error of ours, and a file descriptor that closes itself.

#include <mailroom/runtime/error.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace mailroom {

/// `system_error` about `subject`, with the failed call and errno in words.
inline error system_failure(const std::string& call, const std::string& subject, int code = errno) {
  return {errc::system_error, subject,
          call + ": " + std::generic_category().message(code) + " (errno " + std::to_string(code) + ")"};
}

class file_descriptor {
public:
  file_descriptor() = default;
  explicit file_descriptor(int native) noexcept : native_{native} {}
  file_descriptor(file_descriptor&& other) noexcept : native_{std::exchange(other.native_, -1)} {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(native_, other.native_);
    return *this;
  }
  ~file_descriptor() { reset(); }

  int get() const noexcept { return native_; }
  explicit operator bool() const noexcept { return native_ >= 0; }
  void reset() noexcept {
    if (native_ >= 0)
      ::close(std::exchange(native_, -1));
  }

private:
  int native_ = -1;
};

} // namespace mailroom
