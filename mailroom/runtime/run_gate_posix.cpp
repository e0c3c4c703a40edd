#include <mailroom/runtime/run_gate.hpp>

#include <mailroom/runtime/system_call_posix.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>

namespace mailroom {

namespace {

/// The gates that a signal opens. A handler may touch nothing but these.
constexpr std::size_t max_gates = 64;
std::array<std::atomic<int>, max_gates> gates;

void open_gate(int descriptor) noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(descriptor, &one, sizeof(one));
}

extern "C" void on_signal(int) {
  auto saved = errno;
  for (auto& each : gates)
    if (auto descriptor = each.load(); descriptor != 0)
      open_gate(descriptor - 1);
  errno = saved;
}

/// Sets the handlers for the first who waits, and puts the old ones back after the last.
class signal_watch {
public:
  explicit signal_watch(int descriptor) : descriptor_{descriptor + 1} {
    std::lock_guard guard{mutex()};
    for (auto& each : gates) {
      auto empty = 0;
      if (each.compare_exchange_strong(empty, descriptor_))
        break;
    }
    if (waiting()++ > 0)
      return;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &before()[0]);
    ::sigaction(SIGTERM, &action, &before()[1]);
  }

  ~signal_watch() {
    std::lock_guard guard{mutex()};
    if (--waiting() == 0) {
      ::sigaction(SIGINT, &before()[0], nullptr);
      ::sigaction(SIGTERM, &before()[1], nullptr);
    }
    for (auto& each : gates) {
      auto mine = descriptor_;
      if (each.compare_exchange_strong(mine, 0))
        break;
    }
  }

private:
  static std::mutex& mutex() {
    static std::mutex result;
    return result;
  }
  static int& waiting() {
    static int result = 0;
    return result;
  }
  static std::array<struct sigaction, 2>& before() {
    static std::array<struct sigaction, 2> result;
    return result;
  }

  int descriptor_;
};

class posix_gate final : public run_gate {
public:
  posix_gate() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (!event_)
      throw failure{system_failure("eventfd", "run")};
  }

  void open() noexcept override { open_gate(event_.get()); }

private:
  void block() override {
    signal_watch watch{event_.get()};
    pollfd waiting{event_.get(), POLLIN, 0};
    while (::poll(&waiting, 1, -1) < 1) {
      // interrupted by some other signal
    }
  }

  file_descriptor event_;
};

} // namespace

std::unique_ptr<run_gate> run_gate::make() {
  return std::make_unique<posix_gate>();
}

} // namespace mailroom
