#include <mailroom/transports/io_loop_windows.hpp>

#include <algorithm>
#include <array>
#include <type_traits>
#include <windows.h>

namespace mailroom {

namespace {

static_assert(std::is_standard_layout_v<io_operation>);
static_assert(offsetof(io_operation, event) == offsetof(OVERLAPPED, hEvent));
static_assert(offsetof(io_operation, done) == sizeof(OVERLAPPED));

handle checked(void* native, const char* call) {
  handle result{native};
  if (!result)
    throw failure{system_failure(call, "I/O loop")};
  return result;
}

/// Without the fine one a handler could hold the role for 16 ms; Windows has it since version 1803.
void* make_alarm() {
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
  constexpr DWORD CREATE_WAITABLE_TIMER_HIGH_RESOLUTION = 2;
#endif
  auto* fine = ::CreateWaitableTimerExW(nullptr, nullptr, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
  return fine != nullptr ? fine : ::CreateWaitableTimerExW(nullptr, nullptr, 0, TIMER_ALL_ACCESS);
}

} // namespace

expected<std::unique_ptr<io_loop>> io_loop::make() {
  try {
    return std::make_unique<io_loop_windows>();
  } catch (const failure& what) {
    return tl::unexpected{what.why()};
  } catch (const std::system_error& what) {
    return tl::unexpected{
      system_failure("start a thread", "I/O loop", static_cast<unsigned long>(what.code().value()))};
  }
}

io_loop_windows::io_loop_windows()
  : port_{checked(::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 0), "CreateIoCompletionPort")},
    alarm_{checked(make_alarm(), "CreateWaitableTimer")},
    stop_{checked(::CreateEventW(nullptr, TRUE, FALSE, nullptr), "CreateEvent")} {
  start_threads();
}

io_loop_windows::~io_loop_windows() {
  stop();
}

expected<void> io_loop_windows::adopt(void* file) {
  if (::CreateIoCompletionPort(file, port_.get(), 0, 0) == nullptr)
    return tl::unexpected{system_failure("CreateIoCompletionPort", "I/O loop")};
  if (!::SetFileCompletionNotificationModes(file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS))
    return tl::unexpected{system_failure("SetFileCompletionNotificationModes", "I/O loop")};
  return {};
}

void io_loop_windows::keep(std::shared_ptr<io_resource> what) {
  std::lock_guard guard{resources_mutex_};
  auto* key = what.get();
  resources_.emplace(key, std::move(what));
}

void io_loop_windows::let_go(io_resource& what) {
  std::shared_ptr<io_resource> last; // outside the lock
  std::lock_guard guard{resources_mutex_};
  if (auto found = resources_.find(&what); found != resources_.end()) {
    last = std::move(found->second);
    resources_.erase(found);
  }
}

/// Waits for a process by the system's own waiting thread, which only posts.
class io_loop_windows::process_end final : public io_resource {
public:
  process_end(io_loop_windows& loop, handle process, job what)
    : loop_{loop}, process_{std::move(process)}, what_{std::move(what)} {}

  ~process_end() override { abandon(); }

  bool start() {
    std::lock_guard guard{mutex_}; // it may end, and this with it, before we know the wait's handle
    return ::RegisterWaitForSingleObject(&wait_, process_.get(), &on_ended, this, INFINITE,
                                         WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD)
           != 0;
  }

  void abandon() noexcept override {
    std::lock_guard guard{mutex_};
    if (auto wait = std::exchange(wait_, nullptr); wait != nullptr)
      ::UnregisterWaitEx(wait, INVALID_HANDLE_VALUE); // and waits for `on_ended`, which waits for nobody
  }

private:
  static void CALLBACK on_ended(void* context, BOOLEAN) {
    auto* self = static_cast<process_end*>(context);
    self->loop_.post([self] {
      // on the loop: what is posted is dropped where it stops, and then nobody lets go of us
      auto what = std::exchange(self->what_, nullptr);
      self->loop_.let_go(*self);
      what();
    });
  }

  io_loop_windows& loop_;
  handle process_;
  job what_;
  std::mutex mutex_;
  HANDLE wait_ = nullptr;
};

expected<void> io_loop_windows::when_gone(std::uint32_t pid, job what) {
  handle process{::OpenProcess(SYNCHRONIZE, FALSE, pid)};
  if (!process) {
    if (last_error() != ERROR_INVALID_PARAMETER) // no such process
      return tl::unexpected{system_failure("OpenProcess", "process " + std::to_string(pid))};
    post(std::move(what));
    return {};
  }
  auto waiting = std::make_shared<process_end>(*this, std::move(process), std::move(what));
  keep(waiting);
  if (!waiting->start()) {
    auto why = system_failure("RegisterWaitForSingleObject", "process " + std::to_string(pid));
    let_go(*waiting);
    return tl::unexpected{why};
  }
  return {};
}

void io_loop_windows::forget_handlers() {
  std::unordered_map<io_resource*, std::shared_ptr<io_resource>> resources;
  {
    std::lock_guard guard{resources_mutex_};
    resources.swap(resources_);
  }
  for (auto& [key, each] : resources)
    each->abandon();
}

void io_loop_windows::wake() noexcept {
  ::PostQueuedCompletionStatus(port_.get(), 0, 0, nullptr);
}

void io_loop_windows::set_alarm_clock(std::chrono::nanoseconds delay) noexcept {
  if (delay.count() == 0) {
    ::CancelWaitableTimer(alarm_.get());
    return;
  }
  LARGE_INTEGER due;
  due.QuadPart = -std::max<std::int64_t>(delay.count() / 100, 1); // relative, in units of 100 ns
  ::SetWaitableTimer(alarm_.get(), &due, 0, nullptr, nullptr, FALSE);
}

void io_loop_windows::wait_for_alarm() {
  std::array<HANDLE, 2> waiting{alarm_.get(), stop_.get()};
  ::WaitForMultipleObjects(static_cast<DWORD>(waiting.size()), waiting.data(), FALSE, INFINITE);
}

void io_loop_windows::end_alarm() noexcept {
  ::SetEvent(stop_.get());
}

void io_loop_windows::wait_for_events(std::optional<std::chrono::microseconds> longest) {
  std::array<OVERLAPPED_ENTRY, 64> entries;
  ULONG count = 0;
  auto milliseconds =
    longest ? static_cast<DWORD>(std::chrono::ceil<std::chrono::milliseconds>(*longest).count()) : INFINITE;
  // no more than are likely: Wine makes a call of its own for each that is asked for and is not there
  if (!::GetQueuedCompletionStatusEx(port_.get(), entries.data(), entries_asked_for_, &count, milliseconds, FALSE))
    return; // nothing came
  entries_asked_for_ = count == entries_asked_for_ ? std::min<ULONG>(2 * count, entries.size()) : 1;
  for (ULONG i = 0; i < count; ++i)
    if (entries[i].lpOverlapped != nullptr) { // null: woken for a job or a timer
      auto& which = *reinterpret_cast<io_operation*>(entries[i].lpOverlapped);
      which.done(which);
    }
}

} // namespace mailroom
