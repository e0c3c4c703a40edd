#include <mailroom/transports/pipe_windows.hpp>

#include <mailroom/runtime/access_windows.hpp>
#include <mailroom/runtime/object_name_windows.hpp>
#include <mailroom/transports/pipe_connection_windows.hpp>

#include <algorithm>
#include <array>
#include <windows.h>

namespace mailroom {

namespace {

/// What the system keeps of bytes that nobody has read.
constexpr DWORD pipe_buffer = 64 << 10;

/// That wait for a caller at the same time: who calls while none waits is told that the process is busy.
constexpr std::size_t waiting_instances = 8;

/// Who listens puts up a sign: a pipe of which connections are left looks to a caller like one that is busy.
std::wstring sign_of(const endpoint& where) {
  auto name = pipe_name(where);
  return widen("Local" + name.substr(name.rfind('\\')) + "-listens");
}

OVERLAPPED* overlapped(io_operation& which) {
  return reinterpret_cast<OVERLAPPED*>(&which);
}

/// Accepts on the I/O role: some instances of the pipe wait, and each that got its caller is replaced.
class acceptor final : public io_resource, public std::enable_shared_from_this<acceptor> {
public:
  acceptor(io_loop_windows& loop, const transport_limits& limits, const sharing_policy& sharing,
           accept_handler on_accept, const endpoint& where)
    : loop_{loop},
      limits_{limits},
      sharing_{sharing},
      on_accept_{std::move(on_accept)},
      name_{pipe_name(where)},
      wide_name_{widen(name_)},
      sign_{::CreateEventW(nullptr, TRUE, FALSE, sign_of(where).c_str())} {}

  expected<void> start() {
    for (std::size_t i = 0; i < waiting_instances; ++i)
      if (auto waiting = wait_for_caller(i == 0); !waiting)
        return waiting;
    loop_.keep(shared_from_this());
    return {};
  }

  /// Ends what has not shaken hands.
  void stop() {
    std::vector<std::shared_ptr<pipe_connection>> half_open;
    {
      std::lock_guard guard{mutex_};
      stopped_ = true;
      sign_.reset();
      for (auto& each : instances_) {
        ::CancelIoEx(each->pipe.get(), nullptr);
        each->pipe.reset(); // who calls now finds nobody
      }
      for (auto& each : half_open_)
        if (auto accepted = each.lock(); accepted && accepted->half_open())
          half_open.push_back(std::move(accepted));
    }
    for (auto& each : half_open)
      each->close({errc::shutting_down, "connection"});
    let_go_if_done();
  }

  void abandon() noexcept override {
    std::lock_guard guard{mutex_};
    for (auto& each : instances_) {
      DWORD ignored = 0;
      ::CancelIoEx(each->pipe.get(), overlapped(*each));
      while (!::GetOverlappedResult(each->pipe.get(), overlapped(*each), &ignored, FALSE)
             && ::GetLastError() == ERROR_IO_INCOMPLETE)
        ::Sleep(1);
      each->owner.reset();
    }
    instances_.clear();
  }

private:
  /// A pipe that waits for its caller.
  struct instance : io_operation {
    std::shared_ptr<acceptor> owner;
    handle pipe;

    static void connected(io_operation& which) {
      auto& mine = static_cast<instance&>(which);
      auto owner = std::move(mine.owner);
      owner->on_connected(mine);
    }
  };

  /// Another instance joins those that are there. An earlier life of this process may have left some to callers that have not noticed its end;
  /// who owns them owns this one too, and so says whether they are somebody else's.
  expected<handle> make_instance(bool first) {
    security for_us{same_user().pipe};
    if (for_us.attributes() == nullptr)
      return tl::unexpected{system_failure("security descriptor", name_)};
    handle result{::CreateNamedPipeW(wide_name_.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                     PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                     PIPE_UNLIMITED_INSTANCES, pipe_buffer, pipe_buffer, 0,
                                     static_cast<SECURITY_ATTRIBUTES*>(for_us.attributes()))};
    auto code = last_error();
    if (!result && code == ERROR_ACCESS_DENIED)
      return tl::unexpected{error{errc::denied, name_, "denied: a pipe of that name belongs to somebody else"}};
    if (!result)
      return tl::unexpected{system_failure("CreateNamedPipe", name_, code)};
    if (auto ours = first ? check_owner(result.get(), same_user(), "a pipe of that name") : expected<void>{}; !ours)
      return tl::unexpected{ours.error().about(name_)};
    return result;
  }

  /// `first`: the pipe must be nobody else's.
  expected<void> wait_for_caller(bool first) {
    auto made = make_instance(first);
    if (!made)
      return tl::unexpected{made.error()};
    auto fresh = std::make_unique<instance>();
    fresh->pipe = std::move(*made);
    if (auto adopted = loop_.adopt(fresh->pipe.get()); !adopted)
      return adopted;
    fresh->done = &instance::connected;
    fresh->owner = shared_from_this();
    auto& which = *fresh;
    std::unique_lock guard{mutex_}; // until the system waits: `stop` then ends that
    if (stopped_)
      return {};
    instances_.push_back(std::move(fresh));
    auto connected = ::ConnectNamedPipe(which.pipe.get(), overlapped(which)) != FALSE;
    // a caller may have been there before us, and may have left again
    if (connected || ::GetLastError() == ERROR_PIPE_CONNECTED || ::GetLastError() == ERROR_NO_DATA) {
      loop_.post([self = shared_from_this(), &which] {
        which.owner.reset();
        self->on_connected(which);
      });
      return {};
    }
    if (::GetLastError() == ERROR_IO_PENDING)
      return {};
    auto why = system_failure("ConnectNamedPipe", name_);
    guard.unlock();
    which.owner.reset();
    remove(which);
    return tl::unexpected{why};
  }

  /// Once stopped, and nobody waits any more.
  void let_go_if_done() {
    {
      std::lock_guard guard{mutex_};
      if (!stopped_ || !instances_.empty())
        return;
    }
    loop_.let_go(*this);
  }

  std::unique_ptr<instance> remove(instance& which) {
    std::lock_guard guard{mutex_};
    auto found = std::ranges::find_if(instances_, [&](auto& each) { return each.get() == &which; });
    if (found == instances_.end())
      return nullptr;
    auto result = std::move(*found);
    instances_.erase(found);
    return result;
  }

  void on_connected(instance& which) {
    auto mine = remove(which);
    if (!mine)
      return;
    let_go_if_done();
    {
      std::lock_guard guard{mutex_};
      if (stopped_)
        return;
    }
    if (auto next = wait_for_caller(false); !next)
      sharing_.say(level::error, "connections may be refused: " + to_string(next.error()));
    DWORD ignored = 0;
    if (::GetOverlappedResult(mine->pipe.get(), overlapped(*mine), &ignored, FALSE))
      welcome(std::move(mine->pipe));
  }

  void welcome(handle pipe) {
    ULONG pid = 0;
    ::GetNamedPipeClientProcessId(pipe.get(), &pid);
    {
      std::lock_guard guard{mutex_};
      std::erase_if(half_open_, [](auto& each) {
        auto earlier = each.lock();
        return !earlier || !earlier->half_open();
      });
      auto waiting = std::ranges::count_if(half_open_, [](auto& each) {
        auto earlier = each.lock();
        return earlier && !earlier->hung_up();
      });
      if (static_cast<std::size_t>(waiting) >= limits_.max_half_open) {
        sharing_.say(level::warning, "connection refused: " + std::to_string(limits_.max_half_open)
                                       + " others have not said hello; from process " + std::to_string(pid));
        return;
      }
    }
    auto opened = pipe_connection::make(loop_, limits_, std::move(pipe), {static_cast<std::uint32_t>(pid)}, sharing_);
    if (!opened) {
      sharing_.say(level::warning, "connection refused: " + to_string(opened.error()));
      return;
    }
    (*opened)->expect_hello();
    {
      std::lock_guard guard{mutex_};
      if (stopped_)
        return;
      half_open_.push_back(*opened);
    }
    on_accept_(std::move(*opened));
  }

  io_loop_windows& loop_;
  transport_limits limits_;
  sharing_policy sharing_;
  accept_handler on_accept_;
  std::string name_;
  std::wstring wide_name_;
  handle sign_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<instance>> instances_;
  std::vector<std::weak_ptr<pipe_connection>> half_open_;
};

class pipe_listener final : public listener {
public:
  explicit pipe_listener(std::shared_ptr<acceptor> target) : target_{std::move(target)} {}
  ~pipe_listener() override { target_->stop(); }

private:
  std::shared_ptr<acceptor> target_;
};

class pipe_transport final : public transport {
public:
  pipe_transport(io_loop_windows& loop, const transport_limits& limits, sharing_policy sharing)
    : loop_{loop}, limits_{limits}, sharing_{std::move(sharing)} {}

  expected<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on_accept) override {
    auto target = std::make_shared<acceptor>(loop_, limits_, sharing_, std::move(on_accept), where);
    auto result = std::make_unique<pipe_listener>(target);
    if (auto started = target->start(); !started)
      return tl::unexpected{started.error()};
    return result;
  }

  expected<std::shared_ptr<connection>> connect(const endpoint& to) override {
    auto& name = to.process.str();
    auto pipe = open(to);
    if (!pipe)
      return tl::unexpected{pipe.error()};
    // before a byte is sent
    if (auto ours = check_owner(pipe->get(), same_user(), "the process at the other end"); !ours)
      return tl::unexpected{ours.error().about(name)};
    if (auto adopted = loop_.adopt(pipe->get()); !adopted)
      return tl::unexpected{adopted.error().about(name)};
    ULONG pid = 0;
    ::GetNamedPipeServerProcessId(pipe->get(), &pid);
    auto result = pipe_connection::make(loop_, limits_, std::move(*pipe), {static_cast<std::uint32_t>(pid)}, sharing_);
    if (!result)
      return tl::unexpected{result.error().about(name)};
    (*result)->offer_sharing();
    return std::shared_ptr<connection>{*result};
  }

private:
  /// Between a caller and the next instance of the pipe there may be a moment without one.
  static expected<handle> open(const endpoint& to) {
    auto pipe = widen(pipe_name(to));
    constexpr int tries = 5;
    constexpr DWORD moment = 2; // milliseconds
    for (int i = 1;; ++i) {
      handle result{::CreateFileW(pipe.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                                  FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr)};
      if (result)
        return result;
      auto why = ::GetLastError();
      if (why != ERROR_PIPE_BUSY || i == tries)
        return tl::unexpected{connect_error(to, why)};
      ::WaitNamedPipeW(pipe.c_str(), moment);
    }
  }

  static error connect_error(const endpoint& to, DWORD code) {
    auto& name = to.process.str();
    switch (code) {
      case ERROR_FILE_NOT_FOUND:
        return {errc::no_such_process, name};
      case ERROR_PIPE_BUSY:
        if (!handle{::OpenEventW(SYNCHRONIZE, FALSE, sign_of(to).c_str())})
          return {errc::no_such_process, name};
        return {errc::overloaded, name, "overloaded: the process does not accept connections"};
      case ERROR_ACCESS_DENIED:
        return {errc::denied, name};
      default:
        return system_failure("CreateFile", name, code);
    }
  }

  io_loop_windows& loop_;
  transport_limits limits_;
  sharing_policy sharing_;
};

} // namespace

std::unique_ptr<transport> make_pipe(io_loop_windows& loop, const transport_limits& limits, notice say) {
  return std::make_unique<pipe_transport>(loop, limits, sharing_policy{.say = std::move(say)});
}

std::unique_ptr<transport> make_shared_memory(io_loop_windows& loop, const transport_limits& limits, notice say,
                                              std::chrono::microseconds longest_spin, bool offers) {
  return std::make_unique<pipe_transport>(loop, limits, sharing_policy{offers, true, longest_spin, std::move(say)});
}

} // namespace mailroom
