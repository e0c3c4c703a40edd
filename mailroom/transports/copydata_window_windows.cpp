#include <mailroom/transports/copydata_window_windows.hpp>

#include <mailroom/transports/copydata_peer_windows.hpp>

#include <future>
#include <windows.h>

namespace mailroom {

namespace {

using clock = std::chrono::steady_clock;

/// How long a peer may take to notice that a connection is over.
constexpr std::chrono::seconds remembered{10};

std::uint64_t number_of(HWND window) {
  return reinterpret_cast<std::uintptr_t>(window);
}

HWND window_of(std::uint64_t number) {
  return reinterpret_cast<HWND>(static_cast<std::uintptr_t>(number));
}

/// Of the program or library that this code is part of.
HINSTANCE this_module() {
  HMODULE result = nullptr;
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                       reinterpret_cast<LPCWSTR>(&this_module), &result);
  return result;
}

/// Registered while a system of this module uses it.
class window_class {
public:
  static bool add_user(WNDPROC procedure) {
    std::lock_guard guard{mutex};
    if (users == 0) {
      WNDCLASSEXW what{};
      what.cbSize = sizeof(what);
      what.lpfnWndProc = procedure;
      what.hInstance = this_module();
      what.lpszClassName = copydata_class;
      if (::RegisterClassExW(&what) == 0)
        return false;
    }
    ++users;
    return true;
  }

  static void remove_user() {
    std::lock_guard guard{mutex};
    if (--users == 0)
      ::UnregisterClassW(copydata_class, this_module());
  }

private:
  static inline std::mutex mutex;
  static inline int users = 0;
};

} // namespace

struct copydata_window::procedure {
  static LRESULT CALLBACK call(HWND window, UINT message, WPARAM first, LPARAM second) {
    switch (message) {
      case WM_NCCREATE:
        ::SetWindowLongPtrW(window, GWLP_USERDATA,
                            reinterpret_cast<LONG_PTR>(reinterpret_cast<CREATESTRUCTW*>(second)->lpCreateParams));
        break;
      case WM_COPYDATA:
        return on_copydata(window, reinterpret_cast<COPYDATASTRUCT*>(second));
      case WM_CLOSE:   // anybody can send them: the windows
      case WM_SETTEXT: // and their titles stay as they are
        return 0;
      default:
        break;
    }
    return ::DefWindowProcW(window, message, first, second);
  }

  static LRESULT on_copydata(HWND window, const COPYDATASTRUCT* what) {
    auto* self = reinterpret_cast<copydata_window*>(::GetWindowLongPtrW(window, GWLP_USERDATA));
    if (self == nullptr)
      return 0;
    std::span<const std::byte> message;
    if (what != nullptr && what->dwData == copydata_magic && what->lpData != nullptr)
      message = {static_cast<const std::byte*>(what->lpData), what->cbData};
    return self->answer(number_of(window), message);
  }
};

expected<std::shared_ptr<copydata_window>> copydata_window::open(drop_handler on_drop) {
  auto result = std::make_shared<copydata_window>(std::move(on_drop));
  auto& self = *result;
  if (!self.stopping_)
    return tl::unexpected{system_failure("CreateEvent", "window")};
  if (!window_class::add_user(&procedure::call))
    return tl::unexpected{system_failure("RegisterClassEx", "window")};
  std::promise<expected<std::uint64_t>> made;
  auto outcome = made.get_future();
  try {
    self.thread_ = std::thread{[&] {
      auto number = self.make_window({});
      self.thread_id_ = ::GetCurrentThreadId();
      self.number_ = number.value_or(0);
      made.set_value(std::move(number));
      if (self.number_ != 0)
        self.pump();
    }};
  } catch (const std::system_error& what) {
    window_class::remove_user();
    return tl::unexpected{system_failure("start a thread", "window", static_cast<unsigned long>(what.code().value()))};
  }
  if (auto number = outcome.get(); !number) {
    self.stop();
    return tl::unexpected{number.error()};
  }
  return result;
}

copydata_window::copydata_window(drop_handler on_drop)
  : on_drop_{std::move(on_drop)}, stopping_{::CreateEventW(nullptr, TRUE, FALSE, nullptr)} {
  // nop
}

copydata_window::~copydata_window() {
  stop();
}

void copydata_window::begin_to_stop() noexcept {
  ::SetEvent(stopping_.get());
}

void copydata_window::stop() {
  begin_to_stop();
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  if (!thread_.joinable())
    return;
  ::PostThreadMessageW(thread_id_, WM_APP, 0, 0);
  thread_.join();
  window_class::remove_user();
}

/// On the pump's thread, which owns the window.
expected<std::uint64_t> copydata_window::make_window(const std::wstring& title) {
  auto* result =
    ::CreateWindowExW(0, copydata_class, title.c_str(), 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr, this_module(), this);
  if (result == nullptr)
    return tl::unexpected{system_failure("CreateWindowEx", "window")};
  // nobody of lower integrity, whatever the program allows for its other windows
  ::ChangeWindowMessageFilterEx(result, WM_COPYDATA, MSGFLT_DISALLOW, nullptr);
  return number_of(result);
}

/// What is sent arrives within GetMessage, before anything that is posted; what is posted only wakes us.
void copydata_window::pump() {
  for (;;) {
    MSG ignored;
    ::GetMessageW(&ignored, nullptr, 0, 0);
    run_jobs();
    std::lock_guard guard{mutex_};
    if (stopped_)
      break;
  }
  std::map<std::uint64_t, std::shared_ptr<copydata_receiver>> listening;
  {
    std::lock_guard guard{mutex_};
    listening.swap(listening_);
  }
  for (auto& [window, who] : listening)
    ::DestroyWindow(window_of(window));
  ::DestroyWindow(window_of(number_));
  {
    std::lock_guard guard{mutex_};
    ended_ = true;
  }
  run_jobs();
}

void copydata_window::run_jobs() {
  std::vector<std::function<void()>> jobs;
  {
    std::lock_guard guard{mutex_};
    jobs.swap(jobs_);
  }
  for (auto& each : jobs)
    each();
}

bool copydata_window::settle(std::function<void()> what) {
  std::lock_guard guard{mutex_};
  if (ended_)
    return false;
  jobs_.push_back(std::move(what));
  ::PostThreadMessageW(thread_id_, WM_APP, 0, 0);
  return true;
}

expected<std::uint64_t> copydata_window::listen(std::wstring title, std::shared_ptr<copydata_receiver> who) {
  std::promise<expected<std::uint64_t>> made;
  auto result = made.get_future();
  auto accepted = settle([&] {
    auto window = make_window(title);
    if (window) {
      std::lock_guard guard{mutex_};
      listening_.emplace(*window, std::move(who));
    }
    made.set_value(std::move(window));
  });
  if (!accepted)
    return tl::unexpected{error{errc::shutting_down, "window"}};
  return result.get();
}

void copydata_window::end_listening(std::uint64_t window) {
  std::promise<void> gone;
  auto result = gone.get_future();
  auto accepted = settle([&] {
    std::shared_ptr<copydata_receiver> who; // outside the lock
    {
      std::lock_guard guard{mutex_};
      if (auto found = listening_.find(window); found != listening_.end()) {
        who = std::move(found->second);
        listening_.erase(found);
      }
    }
    if (who)
      ::DestroyWindow(window_of(window));
    gone.set_value();
  });
  if (accepted)
    result.get();
}

// -- what arrives -------------------------------------------------------------------------------------------------------------

void copydata_window::expect(const copydata_token& token, std::weak_ptr<copydata_receiver> who) {
  std::lock_guard guard{mutex_};
  std::erase_if(receivers_, [now = clock::now()](auto& each) {
    auto& forgotten = each.second.forgotten;
    return forgotten && now - *forgotten > remembered;
  });
  receivers_[token] = {std::move(who), {}};
}

void copydata_window::forget(const copydata_token& token) {
  std::lock_guard guard{mutex_};
  if (auto found = receivers_.find(token); found != receivers_.end())
    found->second = {{}, clock::now()};
}

std::intptr_t copydata_window::answer(std::uint64_t window, std::span<const std::byte> message) {
  auto what = read_fragment(message);
  auto result = what ? pass_on(window, *what) : copydata_answer{copydata_verdict::out_of_order};
  if (result.verdict == copydata_verdict::out_of_order)
    drop();
  return pack(result);
}

copydata_answer copydata_window::pass_on(std::uint64_t window, const copydata_fragment& what) {
  std::shared_ptr<copydata_receiver> who;
  {
    std::lock_guard guard{mutex_};
    if (what.kind == copydata_kind::connect) {
      if (auto found = listening_.find(window); found != listening_.end())
        who = found->second;
    } else if (auto found = receivers_.find(what.token); found != receivers_.end()) {
      who = found->second.who.lock();
    } else {
      return {copydata_verdict::out_of_order};
    }
  }
  return who ? who->receive(what) : copydata_answer{copydata_verdict::gone};
}

void copydata_window::drop() {
  auto count = ++dropped_;
  if ((count & (count - 1)) == 0 && on_drop_)
    on_drop_(count);
}

} // namespace mailroom
