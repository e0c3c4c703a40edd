// What `copydata` is measured beside: two processes, a message-only window each, WM_COPYDATA by SendMessageTimeout, and nothing else. Who
// gets one lets its sender go at once; the echo is a message of its own.

#include "contender.hpp"
#include "peer.hpp"

#include <stdexcept>
#include <system_error>
#include <thread>
#include <windows.h>

namespace bench {

namespace {

constexpr UINT patience = 20'000; // milliseconds
constexpr auto window_class = L"mailroom_bench";

/// What a message is, in its dwData.
enum kind : ULONG_PTR { ask, reply, one_way, how_many };

[[noreturn]] void fail(const char* call) {
  throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(), call};
}

/// Returns what the receiver answers.
DWORD_PTR send_to(HWND to, HWND from, kind what, std::string_view bytes) {
  COPYDATASTRUCT data{what, static_cast<DWORD>(bytes.size()), const_cast<char*>(bytes.data())};
  DWORD_PTR result = 0;
  if (!::SendMessageTimeoutW(to, WM_COPYDATA, reinterpret_cast<WPARAM>(from), reinterpret_cast<LPARAM>(&data),
                             SMTO_NORMAL, patience, &result))
    fail("SendMessageTimeout");
  return result;
}

/// A message-only window of this thread. There is one in a process.
class message_window {
public:
  explicit message_window(const std::wstring& title) {
    WNDCLASSW description{};
    description.lpfnWndProc = procedure;
    description.hInstance = ::GetModuleHandleW(nullptr);
    description.lpszClassName = window_class;
    ::RegisterClassW(&description);
    native_ = ::CreateWindowExW(0, window_class, title.c_str(), 0, 0, 0, 0, 0, HWND_MESSAGE, nullptr,
                                description.hInstance, nullptr);
    if (native_ == nullptr)
      fail("CreateWindow");
  }
  ~message_window() { ::DestroyWindow(native_); }
  message_window(const message_window&) = delete;
  message_window& operator=(const message_window&) = delete;

  HWND get() const noexcept { return native_; }

  /// The last echo.
  static inline std::string echo;
  static inline bool echo_came = false;

private:
  static LRESULT CALLBACK procedure(HWND self, UINT message, WPARAM from, LPARAM content) {
    if (message != WM_COPYDATA)
      return ::DefWindowProcW(self, message, from, content);
    static std::uint64_t messages = 0;
    auto& data = *reinterpret_cast<const COPYDATASTRUCT*>(content);
    switch (data.dwData) {
      case ask:
        echo.assign(static_cast<const char*>(data.lpData), data.cbData);
        ::ReplyMessage(TRUE);
        try {
          send_to(reinterpret_cast<HWND>(from), self, reply, echo);
        } catch (const std::system_error&) {
          // the caller is gone, or misses it
        }
        return TRUE;
      case reply:
        echo.assign(static_cast<const char*>(data.lpData), data.cbData);
        echo_came = true;
        return TRUE;
      case one_way:
        ++messages;
        return TRUE;
      default:
        return static_cast<LRESULT>(std::exchange(messages, 0));
    }
  }

  HWND native_;
};

void serve(const setting& mine) {
  // it waits for messages that may never come, and ends with the process
  std::thread{[title = mine.directory.filename().wstring()] {
    message_window ours{title};
    tell_caller("ready");
    for (MSG message; ::GetMessageW(&message, nullptr, 0, 0) > 0;)
      ::DispatchMessageW(&message);
  }}.detach();
  await_end();
  ::TerminateProcess(::GetCurrentProcess(), EXIT_SUCCESS);
}

class copydata_caller final : public caller {
public:
  explicit copydata_caller(const setting& mine)
    : payload_{payload_of(mine.what)},
      other_{::FindWindowExW(HWND_MESSAGE, nullptr, window_class, mine.directory.filename().c_str())},
      mine_{L"caller"} {
    if (other_ == nullptr)
      fail("FindWindow");
  }

  std::string_view request() override {
    message_window::echo_came = false;
    send_to(other_, mine_.get(), ask, payload_);
    // an echo is handled within the calls that look for messages
    for (MSG message; !message_window::echo_came;) {
      if (::PeekMessageW(&message, nullptr, 0, 0, PM_REMOVE) || message_window::echo_came)
        continue;
      if (::MsgWaitForMultipleObjectsEx(0, nullptr, patience, QS_ALLINPUT, MWMO_INPUTAVAILABLE) == WAIT_TIMEOUT)
        throw std::runtime_error{"no echo"};
    }
    return message_window::echo;
  }

  void send() override { send_to(other_, mine_.get(), one_way, payload_); }

  std::uint64_t received() override { return send_to(other_, mine_.get(), how_many, {}); }

private:
  std::string payload_;
  HWND other_;
  message_window mine_;
};

} // namespace

contender bare_copydata() {
  contender result;
  result.name = "bare WM_COPYDATA";
  result.about = "message-only windows, two processes, SendMessageTimeout each way";
  result.pinned = true;
  result.serve = serve;
  result.open = [](const setting& mine, const std::string&) { return std::make_unique<copydata_caller>(mine); };
  return result;
}

} // namespace bench
