#include <mailroom/runtime/run_gate.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <atomic>
#include <mutex>
#include <set>

#include <windows.h>

namespace mailroom {

namespace {

/// The gates that a console event opens. The system calls the handler on a thread of its own, where a lock does no harm; but the system may hold a
/// lock too while it does, and takes that one to set and remove handlers, so ours must not be held then.
struct gates {
  std::mutex handlers;
  std::mutex mutex;
  std::set<HANDLE> waiting;
  std::atomic<bool> process_ends{false};

  /// How many wait afterwards.
  template <class Change> std::size_t change(Change how) {
    std::lock_guard guard{mutex};
    how(waiting);
    return waiting.size();
  }
};

gates& all_gates() {
  static gates result;
  return result;
}

void open_all() {
  auto& all = all_gates();
  std::lock_guard guard{all.mutex};
  for (auto* each : all.waiting)
    ::SetEvent(each);
}

extern "C" BOOL WINAPI on_console_event(DWORD what) {
  switch (what) {
    case CTRL_C_EVENT:
    case CTRL_BREAK_EVENT:
      open_all();
      return TRUE;
    case CTRL_CLOSE_EVENT:
    case CTRL_SHUTDOWN_EVENT:
      // the process is ended when this returns: leave the program what time the system gives it to end by itself
      all_gates().process_ends = true;
      open_all();
      ::Sleep(INFINITE);
      return TRUE;
    default:
      return FALSE;
  }
}

/// Sets the handler for the first who waits, and takes it away after the last.
class console_watch {
public:
  explicit console_watch(HANDLE event) : event_{event} {
    auto& all = all_gates();
    std::lock_guard setting{all.handlers};
    if (all.change([this](auto& waiting) { waiting.insert(event_); }) == 1)
      ::SetConsoleCtrlHandler(on_console_event, TRUE);
  }

  ~console_watch() {
    auto& all = all_gates();
    std::lock_guard setting{all.handlers};
    // a handler that sleeps may hold the system's lock for ever
    if (all.change([this](auto& waiting) { waiting.erase(event_); }) == 0 && !all.process_ends)
      ::SetConsoleCtrlHandler(on_console_event, FALSE);
  }

private:
  HANDLE event_;
};

class windows_gate final : public run_gate {
public:
  windows_gate() : event_{::CreateEventW(nullptr, TRUE, FALSE, nullptr)} {
    if (!event_)
      throw failure{system_failure("CreateEvent", "run")};
  }

  void open() noexcept override { ::SetEvent(event_.get()); }

private:
  void block() override {
    console_watch watch{event_.get()};
    ::WaitForSingleObject(event_.get(), INFINITE);
  }

  handle event_;
};

} // namespace

std::unique_ptr<run_gate> run_gate::make() {
  return std::make_unique<windows_gate>();
}

} // namespace mailroom
