#pragma once
// A Unix stream socket that blocks: what everything here is measured against.

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bench {

[[noreturn]] inline void fail(const char* call) {
  throw std::system_error{errno, std::generic_category(), call};
}

/// Throws `std::system_error`.
class stream_socket {
public:
  explicit stream_socket(int native) : native_{native} {
    if (native < 0)
      fail("socket");
  }
  stream_socket(stream_socket&& other) noexcept : native_{std::exchange(other.native_, -1)} {}
  ~stream_socket() {
    if (native_ >= 0)
      ::close(native_);
  }

  static stream_socket make() { return stream_socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}; }

  int get() const noexcept { return native_; }

  void write(const void* data, std::size_t size) const {
    auto* at = static_cast<const char*>(data);
    while (size > 0) {
      auto written = ::send(native_, at, size, MSG_NOSIGNAL);
      if (written < 0)
        fail("send");
      at += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  /// 0 at the end of the stream.
  std::size_t read_some(void* data, std::size_t size) const {
    auto got = ::recv(native_, data, size, 0);
    if (got < 0)
      fail("recv");
    return static_cast<std::size_t>(got);
  }

  /// Whether all of it came before the end of the stream.
  bool read(void* data, std::size_t size) const {
    auto* at = static_cast<char*>(data);
    while (size > 0) {
      auto got = read_some(at, size);
      if (got == 0)
        return false;
      at += got;
      size -= got;
    }
    return true;
  }

private:
  int native_;
};

/// Of the socket in `directory`.
inline sockaddr_un address_in(const std::filesystem::path& directory) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  auto text = (directory / "bare").string();
  if (text.size() >= sizeof(result.sun_path))
    throw std::runtime_error{"the directory's name is too long for a socket: " + text};
  std::memcpy(result.sun_path, text.c_str(), text.size() + 1);
  return result;
}

} // namespace bench
