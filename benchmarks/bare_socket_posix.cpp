// The measure of all: two processes, a Unix stream socket, blocking write and read, and nothing else. One write for each message; the
// receiver of one-way messages reads what has arrived, as any reader of a stream would.

#include "contender.hpp"
#include "peer.hpp"
#include "stream_socket_posix.hpp"

#include <algorithm>
#include <array>
#include <poll.h>
#include <stdexcept>

namespace bench {

namespace {

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
