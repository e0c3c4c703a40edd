#include "peer.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>
#include <windows.h>

namespace bench {

namespace {

using clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* call) {
  throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(), call};
}

class handle {
public:
  explicit handle(HANDLE native = nullptr) noexcept : native_{native == INVALID_HANDLE_VALUE ? nullptr : native} {}
  handle(handle&& other) noexcept : native_{std::exchange(other.native_, nullptr)} {}
  handle& operator=(handle&& other) noexcept {
    std::swap(native_, other.native_);
    return *this;
  }
  ~handle() { reset(); }

  HANDLE get() const noexcept { return native_; }
  void reset() noexcept {
    if (native_ != nullptr)
      ::CloseHandle(std::exchange(native_, nullptr));
  }

private:
  HANDLE native_;
};

handle checked(HANDLE native, const char* call) {
  handle result{native};
  if (result.get() == nullptr)
    fail(call);
  return result;
}

/// Signalled by an interrupt; none in a child, which its parent ends.
HANDLE interrupt = nullptr;

BOOL WINAPI on_console_event(DWORD) {
  ::SetEvent(interrupt);
  return TRUE;
}

/// False where nothing happened until then; throws `interrupted`.
bool wait_for(HANDLE what, clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  std::array<HANDLE, 2> waiting{what, interrupt};
  auto outcome = ::WaitForMultipleObjects(interrupt != nullptr ? 2 : 1, waiting.data(), FALSE,
                                          left > 0 ? static_cast<DWORD>(left) : 0);
  if (outcome == WAIT_OBJECT_0 + 1)
    throw interrupted{};
  return outcome == WAIT_OBJECT_0;
}

void let_inherit(HANDLE which, bool inherited) {
  ::SetHandleInformation(which, HANDLE_FLAG_INHERIT, inherited ? HANDLE_FLAG_INHERIT : 0);
}

/// What we write to, and the child's end of it.
std::pair<handle, handle> make_input() {
  HANDLE ends[2];
  if (!::CreatePipe(&ends[0], &ends[1], nullptr, 0))
    fail("CreatePipe");
  let_inherit(ends[0], true);
  return {handle{ends[1]}, handle{ends[0]}};
}

/// What we read from, and the child's end of it. An anonymous pipe could not be waited for.
std::pair<handle, handle> make_output() {
  static int last = 0;
  auto name =
    L"\\\\.\\pipe\\mailroom_bench-" + std::to_wstring(::GetCurrentProcessId()) + L'-' + std::to_wstring(++last);
  auto ours = checked(::CreateNamedPipeW(name.c_str(), PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED,
                                         PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, 0, 4096, 0, nullptr),
                      "CreateNamedPipe");
  auto childs =
    checked(::CreateFileW(name.c_str(), GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr), "CreateFile");
  let_inherit(childs.get(), true);
  return {std::move(ours), std::move(childs)};
}

/// None of our arguments has a quote in it or a backslash at its end.
std::wstring command_line(const std::wstring& program, const std::vector<std::string>& arguments) {
  auto result = L'"' + program + L'"';
  for (auto& each : arguments)
    result += L" \"" + std::filesystem::path{each}.wstring() + L'"';
  return result;
}

/// Ends what is in it, and what that has started, when its last handle is closed: by us, or by the system when we are gone.
handle make_job() {
  auto job = checked(::CreateJobObjectW(nullptr, nullptr), "CreateJobObject");
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof(limits)))
    fail("SetInformationJobObject");
  return job;
}

class windows_child final : public child_process {
public:
  explicit windows_child(const std::vector<std::string>& arguments)
    : job_{make_job()}, read_{checked(::CreateEventW(nullptr, TRUE, FALSE, nullptr), "CreateEvent")} {
    handle input;
    handle output;
    std::tie(to_, input) = make_input();
    std::tie(from_, output) = make_output();
    STARTUPINFOW startup{};
    startup.cb = sizeof(startup);
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = input.get();
    startup.hStdOutput = output.get();
    startup.hStdError = ::GetStdHandle(STD_ERROR_HANDLE);
    auto program = this_program().wstring();
    auto command = command_line(program, arguments);
    PROCESS_INFORMATION started{};
    if (!::CreateProcessW(program.c_str(), command.data(), nullptr, nullptr, TRUE, CREATE_SUSPENDED, nullptr, nullptr,
                          &startup, &started))
      fail("CreateProcess");
    process_ = handle{started.hProcess};
    handle thread{started.hThread};
    if (!::AssignProcessToJobObject(job_.get(), process_.get())) {
      ::TerminateProcess(process_.get(), EXIT_FAILURE);
      fail("AssignProcessToJobObject");
    }
    ::ResumeThread(thread.get());
  }

  ~windows_child() override {
    ::TerminateJobObject(job_.get(), EXIT_FAILURE);
    ::WaitForSingleObject(process_.get(), INFINITE);
  }

  std::string read_line(std::chrono::milliseconds patience) override {
    auto deadline = clock::now() + patience;
    for (;;) {
      if (auto end = text_.find('\n'); end != std::string::npos) {
        auto line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      if (!read_some(deadline)) {
        finish(std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()));
        throw std::runtime_error{"the other process ended without a word"};
      }
    }
  }

  void finish(std::chrono::milliseconds patience) override {
    to_.reset();
    if (!wait_for(process_.get(), clock::now() + patience))
      throw std::runtime_error{"the other process did not end and was killed"};
    DWORD code = 0;
    ::GetExitCodeProcess(process_.get(), &code);
    if (code != 0)
      throw std::runtime_error{"the other process exited with code " + std::to_string(static_cast<int>(code))};
  }

private:
  /// False at the end of its output.
  bool read_some(clock::time_point deadline) {
    OVERLAPPED reading{};
    reading.hEvent = read_.get();
    std::array<char, 4096> piece;
    DWORD got = 0;
    auto fine = ::ReadFile(from_.get(), piece.data(), static_cast<DWORD>(piece.size()), nullptr, &reading) != FALSE
                || ::GetLastError() == ERROR_IO_PENDING;
    if (fine) {
      wait_for_end_of(reading, deadline);
      fine = ::GetOverlappedResult(from_.get(), &reading, &got, FALSE) != FALSE;
    }
    if (!fine && ::GetLastError() != ERROR_BROKEN_PIPE)
      fail("ReadFile");
    text_.append(piece.data(), got);
    std::erase(text_, '\r'); // what ends a line here
    return fine;
  }

  /// Throws where it does not come in time: nothing is under way then.
  void wait_for_end_of(OVERLAPPED& reading, clock::time_point deadline) {
    auto begin = clock::now();
    auto cancel = [&] {
      DWORD ignored = 0;
      ::CancelIoEx(from_.get(), &reading);
      ::GetOverlappedResult(from_.get(), &reading, &ignored, TRUE);
    };
    try {
      if (wait_for(read_.get(), deadline))
        return;
    } catch (const interrupted&) {
      cancel();
      throw;
    }
    cancel();
    auto waited = std::chrono::ceil<std::chrono::milliseconds>(clock::now() - begin).count();
    throw std::runtime_error{"the other process said nothing for " + std::to_string(waited) + " ms"};
  }

  handle job_;
  handle read_; // the event of what is under way
  handle process_;
  handle to_;
  handle from_;
  std::string text_;
};

} // namespace

std::filesystem::path this_program() {
  std::wstring result(MAX_PATH, L'\0');
  for (;;) {
    auto size = ::GetModuleFileNameW(nullptr, result.data(), static_cast<DWORD>(result.size()));
    if (size == 0)
      fail("GetModuleFileName");
    if (size < result.size()) {
      result.resize(size);
      return result;
    }
    result.resize(result.size() * 2);
  }
}

void kill_process(std::uint32_t pid) {
  if (auto* victim = ::OpenProcess(PROCESS_TERMINATE, FALSE, pid)) {
    ::TerminateProcess(victim, 1);
    ::CloseHandle(victim);
  }
}

std::unique_ptr<child_process> child_process::start(const std::vector<std::string>& arguments) {
  return std::make_unique<windows_child>(arguments);
}

void be_the_first_parent() {
  interrupt = ::CreateEventW(nullptr, TRUE, FALSE, nullptr); // until the end of the program
  ::SetConsoleCtrlHandler(on_console_event, TRUE);
}

/// The parent's job sees to that. What the parent reads ends with us, and not with what we start.
void die_with_parent() {
  let_inherit(::GetStdHandle(STD_INPUT_HANDLE), false);
  let_inherit(::GetStdHandle(STD_OUTPUT_HANDLE), false);
}

void tell_caller(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void await_end() {
  std::array<char, 64> ignored;
  DWORD got = 0;
  while (::ReadFile(::GetStdHandle(STD_INPUT_HANDLE), ignored.data(), ignored.size(), &got, nullptr) && got > 0) {
    // nobody should say anything
  }
}

} // namespace bench
