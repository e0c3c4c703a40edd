// Many readers at bare sockets: one connection and one thread for each.

#include "crowd.hpp"
#include "peer.hpp"
#include "stream_socket_posix.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace bench {

namespace {

void count(const stream_socket& peer) {
  std::string buffer(64 << 10, '\0');
  std::uint64_t bytes = 0;
  while (auto got = peer.read_some(buffer.data(), buffer.size()))
    bytes += got;
  peer.write(&bytes, sizeof(bytes));
}

} // namespace

bool has_bare_crowd() {
  return true;
}

void serve_bare_crowd(const crowd& who, const std::filesystem::path& directory) {
  auto listener = stream_socket::make();
  auto where = address_in(directory);
  ::unlink(where.sun_path);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof(where)) != 0)
    fail("bind");
  if (::listen(listener.get(), who.peers) != 0)
    fail("listen");
  tell_caller("ready");
  std::vector<std::thread> readers;
  for (int peer = 0; peer < who.peers; ++peer)
    readers.emplace_back(
      [peer = stream_socket{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)}] { count(peer); });
  for (auto& each : readers)
    each.join();
  ::unlink(where.sun_path);
  await_end();
}

double pour_bare(const crowd& who, const std::filesystem::path& directory, std::size_t size, int messages) {
  using clock = std::chrono::steady_clock;
  auto where = address_in(directory);
  std::vector<stream_socket> peers;
  for (int peer = 0; peer < who.peers; ++peer) {
    auto& fresh = peers.emplace_back(stream_socket::make());
    if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0)
      fail("connect");
  }
  std::string what(size, 'x');
  auto begin = clock::now();
  for (int sent = 0; sent < messages; ++sent)
    peers[static_cast<std::size_t>(sent) % peers.size()].write(what.data(), what.size());
  std::uint64_t arrived = 0;
  for (auto& each : peers)
    ::shutdown(each.get(), SHUT_WR); // asks for the count
  for (auto& each : peers) {
    std::uint64_t bytes = 0;
    if (!each.read(&bytes, sizeof(bytes)))
      throw std::runtime_error{"a reader did not tell its count"};
    arrived += bytes;
  }
  std::chrono::duration<double, std::micro> took = clock::now() - begin;
  if (arrived != size * static_cast<std::size_t>(messages))
    throw std::runtime_error{"bytes are missing"};
  return took.count() / messages;
}

} // namespace bench
