#include <mailroom/transports/pipe_posix.hpp>

#include <mailroom/transports/pipe_connection_posix.hpp>

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace mailroom {

namespace {

constexpr std::string_view socket_suffix = ".sock";

/// The address of the process's socket, by way of the open directory: the path's own length does not matter then.
expected<sockaddr_un> address_of(const endpoint& where) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  auto size = std::snprintf(result.sun_path, sizeof(result.sun_path), "/proc/self/fd/%d/%s%s",
                            where.directory->native(), where.process.str().c_str(), socket_suffix.data());
  if (size < 0 || static_cast<std::size_t>(size) >= sizeof(result.sun_path))
    return tl::unexpected{error{errc::system_error, where.process.str(), "the socket's path is too long"}};
  return result;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// The kernel's word on the other end, where it is this user.
expected<peer_identity> identify(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return tl::unexpected{system_failure("SO_PEERCRED", "peer")};
  if (credentials.uid != ::geteuid())
    return tl::unexpected{error{
      errc::denied, "peer", "denied: the process at the other end belongs to user " + std::to_string(credentials.uid)}};
  return peer_identity{static_cast<std::uint32_t>(credentials.pid)};
}

/// Accepts on the I/O role. Under EMFILE the spare descriptor lets it turn a caller away instead of spinning on a backlog that never shrinks.
class acceptor final : public io_handler, public std::enable_shared_from_this<acceptor> {
public:
  acceptor(io_loop_posix& loop, const transport_limits& limits, const sharing_policy& sharing, accept_handler on_accept,
           file_descriptor socket)
    : loop_{loop}, limits_{limits}, sharing_{sharing}, on_accept_{std::move(on_accept)}, socket_{std::move(socket)} {
    spare_ = open_spare();
  }

  expected<void> start(const std::string& path) {
    if (::listen(socket_.get(), SOMAXCONN) != 0)
      return tl::unexpected{system_failure("listen", path)};
    auto added = loop_.add(socket_.get(), EPOLLIN, shared_from_this());
    if (!added)
      return tl::unexpected{added.error()};
    handle_ = *added;
    return {};
  }

  /// Ends what has not shaken hands.
  void stop() {
    loop_.remove(handle_, socket_.get());
    std::lock_guard guard{mutex_};
    stopped_ = true;
    for (auto& each : half_open_)
      if (auto accepted = each.lock(); accepted && accepted->half_open())
        accepted->close({errc::shutting_down, "connection"});
  }

  void on_ready(std::uint32_t) override {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return;
    for (int round = 0; round < 64; ++round) {
      file_descriptor accepted{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      if (accepted)
        welcome(std::move(accepted));
      else if (errno == EMFILE || errno == ENFILE ? !turn_one_away() : errno != EINTR && errno != ECONNABORTED)
        return;
    }
  }

private:
  static file_descriptor open_spare() { return file_descriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)}; }

  void welcome(file_descriptor accepted) {
    auto who = identify(accepted.get());
    if (!who) {
      sharing_.say(level::warning, "connection refused: " + to_string(who.error()));
      return;
    }
    std::erase_if(half_open_, [](auto& each) {
      auto earlier = each.lock();
      return !earlier || !earlier->half_open();
    });
    auto waiting = std::count_if(half_open_.begin(), half_open_.end(), [](auto& each) {
      auto earlier = each.lock();
      return earlier && !earlier->hung_up();
    });
    if (static_cast<std::size_t>(waiting) >= limits_.max_half_open) {
      sharing_.say(level::warning, "connection refused: " + std::to_string(limits_.max_half_open)
                                     + " others have not said hello; from process " + std::to_string(who->pid));
      return;
    }
    auto opened = pipe_connection::make(loop_, limits_, std::move(accepted), *who, sharing_);
    if (!opened) {
      sharing_.say(level::warning, "connection refused: " + to_string(opened.error()));
      return;
    }
    (*opened)->expect_hello();
    half_open_.push_back(*opened);
    on_accept_(std::move(*opened));
  }

  /// Returns whether there was one: `accept4` wants a descriptor before it looks.
  bool turn_one_away() {
    spare_.reset();
    auto refused = static_cast<bool>(file_descriptor{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)});
    spare_ = open_spare();
    if (refused)
      sharing_.say(level::error, "connection refused: too many open files");
    return refused;
  }

  io_loop_posix& loop_;
  transport_limits limits_;
  sharing_policy sharing_;
  accept_handler on_accept_;
  file_descriptor socket_;
  file_descriptor spare_;
  io_loop_posix::handle handle_ = 0;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<std::weak_ptr<pipe_connection>> half_open_;
};

class pipe_listener final : public listener {
public:
  pipe_listener(std::shared_ptr<acceptor> target, endpoint where)
    : target_{std::move(target)}, where_{std::move(where)} {}

  ~pipe_listener() override {
    // the name is still ours: nobody else binds meanwhile
    auto file = where_.process.str() + std::string{socket_suffix};
    ::unlinkat(where_.directory->native(), file.c_str(), 0);
    target_->stop();
  }

private:
  std::shared_ptr<acceptor> target_;
  endpoint where_;
};

class pipe_transport final : public transport {
public:
  pipe_transport(io_loop_posix& loop, const transport_limits& limits, sharing_policy sharing)
    : loop_{loop}, limits_{limits}, sharing_{std::move(sharing)} {}

  expected<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on_accept) override {
    auto file = where.process.str() + std::string{socket_suffix};
    auto path = (where.directory->path() / file).string();
    if (::unlinkat(where.directory->native(), file.c_str(), 0) != 0 && errno != ENOENT)
      return tl::unexpected{system_failure("unlink", path)};
    auto address = address_of(where);
    if (!address)
      return tl::unexpected{address.error()};
    file_descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket)
      return tl::unexpected{system_failure("socket", path)};
    if (::bind(socket.get(), generic(*address), sizeof(*address)) != 0)
      return tl::unexpected{system_failure("bind", path)};
    auto target = std::make_shared<acceptor>(loop_, limits_, sharing_, std::move(on_accept), std::move(socket));
    auto result = std::make_unique<pipe_listener>(target, where);
    if (auto started = target->start(path); !started)
      return tl::unexpected{started.error()};
    return result;
  }

  expected<std::shared_ptr<connection>> connect(const endpoint& to) override {
    auto address = address_of(to);
    if (!address)
      return tl::unexpected{address.error()};
    auto& name = to.process.str();
    file_descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket)
      return tl::unexpected{system_failure("socket", name)};
    if (::connect(socket.get(), generic(*address), sizeof(*address)) != 0)
      return tl::unexpected{connect_error(name, errno)};
    // from here on each call says itself whether it may block
    if (::fcntl(socket.get(), F_SETFL, 0) != 0)
      return tl::unexpected{system_failure("fcntl", name)};
    auto who = identify(socket.get());
    if (!who)
      return tl::unexpected{who.error().about(name)};
    auto result = pipe_connection::make(loop_, limits_, std::move(socket), *who, sharing_);
    if (!result)
      return tl::unexpected{result.error().about(name)};
    (*result)->offer_sharing();
    return std::shared_ptr<connection>{*result};
  }

private:
  static error connect_error(const std::string& name, int code) {
    switch (code) {
      case ENOENT:
      case ECONNREFUSED:
        return {errc::no_such_process, name};
      case EAGAIN:
        return {errc::overloaded, name, "overloaded: the process does not accept connections"};
      case EACCES:
      case EPERM:
        return {errc::denied, name};
      default:
        return system_failure("connect", name, code);
    }
  }

  io_loop_posix& loop_;
  transport_limits limits_;
  sharing_policy sharing_;
};

} // namespace

std::unique_ptr<transport> make_pipe(io_loop_posix& loop, const transport_limits& limits, notice say) {
  return std::make_unique<pipe_transport>(loop, limits, sharing_policy{.say = std::move(say)});
}

std::unique_ptr<transport> make_shared_memory(io_loop_posix& loop, const transport_limits& limits, notice say,
                                              std::chrono::microseconds longest_spin, bool offers) {
  return std::make_unique<pipe_transport>(loop, limits, sharing_policy{offers, true, longest_spin, std::move(say)});
}

} // namespace mailroom
