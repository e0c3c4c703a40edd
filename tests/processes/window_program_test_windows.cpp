// Programs with windows and a message loop of their own, over `WM_COPYDATA`. Those without are every other test of it.

#include <processes/world.hpp>

#include <future>
#include <windows.h>

using namespace test;

namespace {

const std::vector<mailroom::transport_kind> over_windows{mailroom::transport_kind::copydata};

/// A window of the calling thread, as a program has one. Messages from `WM_APP` on are the test's.
class program_window {
public:
  explicit program_window(std::function<void(UINT)> handler) : handler_{std::move(handler)} {
    WNDCLASSEXW what{};
    what.cbSize = sizeof(what);
    what.lpfnWndProc = &on_message;
    what.hInstance = ::GetModuleHandleW(nullptr);
    what.lpszClassName = L"mailroom test program";
    ::RegisterClassExW(&what);
    // nobody looks at it, and without a display no other can be made; its messages and its thread's loop are those of any window
    window_ = ::CreateWindowExW(0, what.lpszClassName, L"program", 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr, what.hInstance,
                                nullptr);
    REQUIRE(window_ != nullptr);
    ::SetWindowLongPtrW(window_, GWLP_USERDATA, reinterpret_cast<LONG_PTR>(this));
  }
  ~program_window() { ::DestroyWindow(window_); }
  program_window(const program_window&) = delete;
  program_window& operator=(const program_window&) = delete;

  /// Any thread.
  void post(UINT message) const { ::PostMessageW(window_, message, 0, 0); }

  /// The program's loop: until somebody posts WM_QUIT, or nothing comes for too long.
  static bool run() {
    constexpr UINT too_long = 20'000;
    auto alarm = ::SetTimer(nullptr, 0, too_long, nullptr);
    MSG next;
    auto quit = true;
    while (::GetMessageW(&next, nullptr, 0, 0) > 0) {
      if (next.message == WM_TIMER && next.hwnd == nullptr) {
        quit = false;
        break;
      }
      ::DispatchMessageW(&next);
    }
    ::KillTimer(nullptr, alarm);
    return quit;
  }

private:
  static LRESULT CALLBACK on_message(HWND window, UINT message, WPARAM first, LPARAM second) {
    if (message >= WM_APP && message < WM_APP + 10) {
      reinterpret_cast<program_window*>(::GetWindowLongPtrW(window, GWLP_USERDATA))->handler_(message);
      return 0;
    }
    return ::DefWindowProcW(window, message, first, second);
  }

  std::function<void(UINT)> handler_;
  HWND window_ = nullptr;
};

constexpr UINT ask = WM_APP;
constexpr UINT other_work = WM_APP + 1;

} // namespace

TEST_CASE("a program asks from its window's handlers, and loses none of its messages", "[copydata]") {
  constexpr std::int64_t rounds = 50;
  temporary_directory directory;
  mailroom::system sys{{.process = "program", .directory = directory.path(), .transports = over_windows}};
  const process host{programs / "host", {"host", "transports=copydata"}, directory.path()};
  REQUIRE(sys.wait_for("host/control", 20s));
  std::int64_t asked = 0;
  std::int64_t worked = 0;
  program_window window{[&](UINT message) {
    if (message == other_work) {
      if (++worked == rounds)
        ::PostQuitMessage(0);
      return;
    }
    window.post(other_work); // waits while the request does
    CHECK(sys.request<number>("host/echo", {.timeout = 20s}, number{asked}) == number{asked});
    if (++asked < rounds)
      window.post(ask);
  }};
  window.post(ask);
  CHECK(program_window::run());
  CHECK(asked == rounds);
  CHECK(worked == rounds);
}

TEST_CASE("a program whose handler takes long is reached meanwhile", "[copydata]") {
  temporary_directory directory;
  mailroom::system sys{{.process = "program", .directory = directory.path(), .transports = over_windows}};
  spawn_mailboxes(sys);
  mailroom::system other{{.process = "other", .directory = directory.path(), .transports = over_windows}};
  std::future<void> answered;
  program_window window{[&](UINT) {
    answered = std::async(std::launch::async, [&] {
      CHECK(other.request<number>("program/echo", {.timeout = 20s}, number{7}) == number{7});
    });
    CHECK(answered.wait_for(20s) == std::future_status::ready); // no message of this thread is looked at until then
    ::PostQuitMessage(0);
  }};
  window.post(ask);
  CHECK(program_window::run());
}
