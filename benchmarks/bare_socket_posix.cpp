// The measure of all: two processes, a Unix stream socket, blocking write and read, and nothing else. One write for each message; the
// receiver of one-way messages reads what has arrived, as any reader of a stream would.

#include "contender.hpp"
#include "peer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bench {

namespace {

[[noreturn]] void fail(const char* call) {
  throw std::system_error{errno, std::generic_category(), call};
}

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

sockaddr_un address_in(const std::filesystem::path& directory) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  auto text = (directory / "bare").string();
  if (text.size() >= sizeof(result.sun_path))
    throw std::runtime_error{"the directory's name is too long for a socket: " + text};
  std::memcpy(result.sun_path, text.c_str(), text.size() + 1);
  return result;
}

void echo(const stream_socket& peer, std::size_t size) {
  std::string message(size, '\0');
  while (peer.read(message.data(), size))
    peer.write(message.data(), size);
}

void count(const stream_socket& peer, std::size_t size) {
  constexpr std::size_t usual_buffer = 64 << 10;
  std::string buffer(std::max(size, usual_buffer), '\0');
  std::uint64_t bytes = 0;
  while (auto got = peer.read_some(buffer.data(), buffer.size()))
    bytes += got;
  auto messages = bytes / size;
  peer.write(&messages, sizeof(messages));
}

/// One connection after the other, until our input ends.
void serve(const setting& mine) {
  auto listener = stream_socket::make();
  auto where = address_in(mine.directory);
  ::unlink(where.sun_path);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof(where)) != 0)
    fail("bind");
  if (::listen(listener.get(), 1) != 0)
    fail("listen");
  tell_caller("ready");
  std::array<pollfd, 2> waiting{pollfd{listener.get(), POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  while (::poll(waiting.data(), waiting.size(), -1) < 0 || waiting[1].revents == 0) {
    stream_socket peer{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (mine.what.what == flow::request)
      echo(peer, mine.what.payload);
    else
      count(peer, mine.what.payload);
  }
  ::unlink(where.sun_path);
}

class bare_caller final : public caller {
public:
  explicit bare_caller(const setting& mine)
    : where_{address_in(mine.directory)}, payload_{payload_of(mine.what)}, echo_(mine.what.payload, '\0') {
    connect();
  }

  std::string_view request() override {
    peer_->write(payload_.data(), payload_.size());
    if (!peer_->read(echo_.data(), echo_.size()))
      throw std::runtime_error{"the stream ended early"};
    return echo_;
  }

  void send() override {
    if (!peer_)
      connect();
    peer_->write(payload_.data(), payload_.size());
  }

  /// The end of the stream asks for the count.
  std::uint64_t received() override {
    ::shutdown(peer_->get(), SHUT_WR);
    std::uint64_t result = 0;
    if (!peer_->read(&result, sizeof(result)))
      throw std::runtime_error{"the receiver did not tell its count"};
    peer_.reset();
    return result;
  }

private:
  void connect() {
    peer_.reset();
    auto fresh = std::make_unique<stream_socket>(stream_socket::make());
    if (::connect(fresh->get(), reinterpret_cast<const sockaddr*>(&where_), sizeof(where_)) != 0)
      fail("connect");
    peer_ = std::move(fresh);
  }

  sockaddr_un where_;
  std::string payload_;
  std::string echo_;
  std::unique_ptr<stream_socket> peer_;
};

} // namespace

contender bare_socket() {
  contender result;
  result.name = "bare socket";
  result.about = "Unix stream socket, two processes, blocking write and read";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<bare_caller>(mine); };
  return result;
}

} // namespace bench
