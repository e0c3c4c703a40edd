#pragma once
// A process that speaks the wire format by hand, or pretends to: one end of a bare socket.

#include <mailroom/runtime/frame.hpp>
#include <mailroom/runtime/handshake.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace test {

struct raw_frame {
  mailroom::frame_header header;
  std::vector<std::uint8_t> body;
};

class raw_peer {
public:
  /// Connects to the socket of `process`.
  raw_peer(const std::filesystem::path& directory, const std::string& process) : socket_{make()} {
    auto address = address_of(directory, process);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error{"connect"};
  }
  explicit raw_peer(int socket) : socket_{socket} {}
  ~raw_peer() {
    if (socket_ >= 0)
      ::close(socket_);
  }
  raw_peer(raw_peer&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}
  raw_peer(const raw_peer&) = delete;

  void write(const mailroom::byte_buffer& bytes) const {
    static_cast<void>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  /// Throws where none comes.
  raw_frame read_frame() const {
    mailroom::byte_buffer head(mailroom::frame_header_size);
    read(head);
    auto header = mailroom::read_header(head, std::size_t{1} << 20);
    if (!header)
      throw std::runtime_error{"not a frame"};
    mailroom::byte_buffer body(header->size);
    read(body);
    raw_frame result{*header, {}};
    for (auto each : body)
      result.body.push_back(std::to_integer<std::uint8_t>(each));
    return result;
  }

  /// Whether the other side closes the connection; what it writes before does not matter.
  bool closed_within(std::chrono::milliseconds time) const {
    auto deadline = std::chrono::steady_clock::now() + time;
    for (;;) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) == 0)
        return false;
      char ignored[4096];
      if (::recv(socket_, ignored, sizeof(ignored), MSG_DONTWAIT) <= 0)
        return true;
    }
  }

  // -- frames --------------------------------------------------------------------------------------------------------

  static mailroom::byte_buffer introduction(mailroom::frame_kind kind, std::string process, std::string wanted) {
    mailroom::introduction who;
    who.life = {1, std::random_device{}()};
    who.pid = static_cast<std::uint32_t>(::getpid());
    who.max_message = 1 << 20;
    who.process = std::move(process);
    who.wanted = std::move(wanted);
    return mailroom::write_introduction(kind, who);
  }

  static mailroom::byte_buffer hello(std::string process, std::string wanted) {
    return introduction(mailroom::frame_kind::hello, std::move(process), std::move(wanted));
  }

  static mailroom::byte_buffer frame(mailroom::frame_kind kind, std::uint64_t id, const mailroom::byte_buffer& body) {
    mailroom::byte_buffer result;
    mailroom::frame_writer out{result, kind, id};
    out.raw(body);
    out.finish();
    return result;
  }

  static mailroom::byte_buffer request(std::uint64_t id, std::string_view mailbox,
                                       const mailroom::byte_buffer& payload) {
    mailroom::byte_buffer result;
    mailroom::frame_writer out{result, mailroom::frame_kind::request, id};
    mailroom::write(out, mailroom::envelope{0, {mailbox, 0}});
    out.raw(payload);
    out.finish();
    return result;
  }

  static sockaddr_un address_of(const std::filesystem::path& directory, const std::string& process) {
    sockaddr_un result{};
    result.sun_family = AF_UNIX;
    auto path = (directory / (process + ".sock")).string();
    if (path.size() >= sizeof(result.sun_path))
      throw std::runtime_error{"path"};
    path.copy(result.sun_path, path.size());
    return result;
  }

  static int make() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

private:
  void read(mailroom::byte_buffer& target) const {
    std::size_t have = 0;
    while (have < target.size()) {
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, 5000) != 1)
        throw std::runtime_error{"nothing came"};
      auto got = ::recv(socket_, target.data() + have, target.size() - have, 0);
      if (got <= 0)
        throw std::runtime_error{"closed"};
      have += static_cast<std::size_t>(got);
    }
  }

  int socket_;
};

class raw_listener {
public:
  raw_listener(const std::filesystem::path& directory, const std::string& process) : socket_{raw_peer::make()} {
    auto address = raw_peer::address_of(directory, process);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0
        || ::listen(socket_, 16) != 0)
      throw std::runtime_error{"listen"};
  }
  ~raw_listener() { ::close(socket_); }
  raw_listener(const raw_listener&) = delete;

  std::optional<raw_peer> accept(std::chrono::milliseconds patience) const {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) != 1)
      return std::nullopt;
    return raw_peer{::accept(socket_, nullptr, nullptr)};
  }

private:
  int socket_;
};

} // namespace test
