#include <mailroom/transports/io_loop_posix.hpp>

#include <array>
#include <poll.h>
#include <span>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

namespace mailroom {

namespace {

constexpr std::uint64_t wake_handle = 0;

int checked(int result, const char* call) {
  if (result < 0)
    throw failure{system_failure(call, "I/O loop")};
  return result;
}

void set_counter(int eventfd) noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(eventfd, &one, sizeof(one));
}

void clear_counter(int descriptor) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(descriptor, &count, sizeof(count));
}

/// As the kernel waits: in milliseconds, but for short times, where it can.
int wait(int epoll, std::span<epoll_event> events, std::optional<std::chrono::microseconds> longest) {
  auto most = static_cast<int>(events.size());
  if (!longest)
    return ::epoll_wait(epoll, events.data(), most, -1);
#ifdef SYS_epoll_pwait2
  constexpr std::chrono::milliseconds short_time{2};
  if (longest->count() > 0 && *longest < short_time) {
    timespec time{};
    time.tv_nsec = std::chrono::nanoseconds{*longest}.count();
    auto count = ::syscall(SYS_epoll_pwait2, epoll, events.data(), most, &time, nullptr, 0);
    if (count >= 0 || errno != ENOSYS)
      return static_cast<int>(count);
  }
#endif
  auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*longest);
  return ::epoll_wait(epoll, events.data(), most, static_cast<int>(milliseconds.count()));
}

} // namespace

expected<std::unique_ptr<io_loop>> io_loop::make() {
  try {
    return std::make_unique<io_loop_posix>();
  } catch (const failure& what) {
    return tl::unexpected{what.why()};
  } catch (const std::system_error& what) {
    return tl::unexpected{system_failure("start a thread", "I/O loop", what.code().value())};
  }
}

io_loop_posix::io_loop_posix()
  : epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
    wake_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")},
    alarm_{checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")},
    stop_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")} {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_handle;
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event), "epoll_ctl");
  start_threads();
}

io_loop_posix::~io_loop_posix() {
  stop();
}

void io_loop_posix::wake() noexcept {
  set_counter(wake_.get());
}

void io_loop_posix::set_alarm_clock(std::chrono::nanoseconds delay) noexcept {
  itimerspec spec{};
  spec.it_value.tv_nsec = delay.count();
  ::timerfd_settime(alarm_.get(), 0, &spec, nullptr);
}

void io_loop_posix::wait_for_alarm() {
  std::array<pollfd, 2> waiting{pollfd{alarm_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  ::poll(waiting.data(), waiting.size(), -1);
  clear_counter(alarm_.get());
}

void io_loop_posix::end_alarm() noexcept {
  set_counter(stop_.get());
}

/// Outside the lock: what is dropped may hold the last reference to something that calls again.
void io_loop_posix::forget_handlers() {
  std::unordered_map<handle, std::shared_ptr<io_handler>> handlers;
  std::lock_guard guard{handlers_mutex_};
  handlers.swap(handlers_);
}

// -- descriptors --------------------------------------------------------------------------------------------------------------

expected<io_loop_posix::handle> io_loop_posix::add(int native, std::uint32_t events,
                                                   std::shared_ptr<io_handler> target) {
  handle result = 0;
  {
    std::lock_guard guard{handlers_mutex_};
    result = ++last_handle_;
    handlers_.emplace(result, std::move(target));
  }
  epoll_event event{};
  event.events = events;
  event.data.u64 = result;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, native, &event) != 0) {
    auto why = system_failure("epoll_ctl", "I/O loop");
    std::lock_guard guard{handlers_mutex_};
    handlers_.erase(result);
    return tl::unexpected{why};
  }
  return result;
}

void io_loop_posix::change(handle which, int native, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = which;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, native, &event);
}

void io_loop_posix::remove(handle which, int native) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, native, nullptr);
  std::shared_ptr<io_handler> last; // let go of outside the lock
  std::lock_guard guard{handlers_mutex_};
  if (auto found = handlers_.find(which); found != handlers_.end()) {
    last = std::move(found->second);
    handlers_.erase(found);
  }
}

// -- processes ----------------------------------------------------------------------------------------------------------------

/// Hears once from a pidfd.
class io_loop_posix::process_end final : public io_handler {
public:
  process_end(io_loop_posix& loop, file_descriptor process, job what)
    : loop_{loop}, process_{std::move(process)}, what_{std::move(what)} {}

  int native() const noexcept { return process_.get(); }
  void registered(handle as) noexcept { handle_ = as; }

  void on_ready(std::uint32_t) override {
    auto what = std::exchange(what_, nullptr);
    // it may have ended before we know the handle; then the descriptor stays, silent, until the loop ends
    if (auto as = handle_.load(); as != 0)
      loop_.remove(as, process_.get());
    if (what)
      what();
  }

private:
  io_loop_posix& loop_;
  file_descriptor process_;
  job what_;
  std::atomic<handle> handle_{0};
};

expected<void> io_loop_posix::when_gone(std::uint32_t pid, job what) {
  file_descriptor process{static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0))};
  if (!process) {
    if (errno != ESRCH)
      return tl::unexpected{system_failure("pidfd_open", "process " + std::to_string(pid))};
    post(std::move(what));
    return {};
  }
  auto waiting = std::make_shared<process_end>(*this, std::move(process), std::move(what));
  auto added = add(waiting->native(), EPOLLIN | EPOLLONESHOT, waiting);
  if (!added)
    return tl::unexpected{added.error()};
  waiting->registered(*added);
  return {};
}

void io_loop_posix::wait_for_events(std::optional<std::chrono::microseconds> longest) {
  std::array<epoll_event, 64> events;
  auto count = wait(epoll_.get(), events, longest);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == wake_handle) {
      clear_counter(wake_.get());
      continue;
    }
    std::shared_ptr<io_handler> target;
    {
      std::lock_guard guard{handlers_mutex_};
      if (auto found = handlers_.find(events[i].data.u64); found != handlers_.end())
        target = found->second;
    }
    if (target)
      target->on_ready(events[i].events);
  }
}

} // namespace mailroom
