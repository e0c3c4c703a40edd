#include <support/raw_peer.hpp>

#include <algorithm>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace test {

namespace {

sockaddr_un address_of(const std::filesystem::path& directory, const std::string& process) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  auto path = (directory / (process + ".sock")).string();
  if (path.size() >= sizeof(result.sun_path))
    throw std::runtime_error{"path"};
  path.copy(result.sun_path, path.size());
  return result;
}

int make() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int descriptor(std::intptr_t native) {
  return static_cast<int>(native);
}

bool readable_within(std::intptr_t native, std::chrono::milliseconds time) {
  pollfd waiting{descriptor(native), POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(time.count(), 0))) == 1;
}

} // namespace

raw_peer::raw_peer(const std::filesystem::path& directory, const std::string& process) : native_{make()} {
  auto address = address_of(directory, process);
  if (::connect(descriptor(native_), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error{"connect"};
}

raw_peer::~raw_peer() {
  if (native_ >= 0)
    ::close(descriptor(native_));
}

void raw_peer::write(const mailroom::byte_buffer& bytes) const {
  static_cast<void>(::send(descriptor(native_), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

bool raw_peer::closed_within(std::chrono::milliseconds time) const {
  auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!readable_within(native_, left))
      return false;
    char ignored[4096];
    if (::recv(descriptor(native_), ignored, sizeof(ignored), MSG_DONTWAIT) <= 0)
      return true;
  }
}

void raw_peer::read(mailroom::byte_buffer& target) const {
  std::size_t have = 0;
  while (have < target.size()) {
    if (!readable_within(native_, std::chrono::seconds{5}))
      throw std::runtime_error{"nothing came"};
    auto got = ::recv(descriptor(native_), target.data() + have, target.size() - have, 0);
    if (got <= 0)
      throw std::runtime_error{"closed"};
    have += static_cast<std::size_t>(got);
  }
}

raw_listener::raw_listener(const std::filesystem::path& directory, const std::string& process) : native_{make()} {
  auto address = address_of(directory, process);
  if (::bind(descriptor(native_), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0
      || ::listen(descriptor(native_), 16) != 0)
    throw std::runtime_error{"listen"};
}

raw_listener::~raw_listener() {
  ::close(descriptor(native_));
}

std::optional<raw_peer> raw_listener::accept(std::chrono::milliseconds patience) {
  if (!readable_within(native_, patience))
    return std::nullopt;
  return std::optional<raw_peer>{std::in_place, ::accept(descriptor(native_), nullptr, nullptr)};
}

} // namespace test
