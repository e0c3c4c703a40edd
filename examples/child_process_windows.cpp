#include "child_process.hpp"

#include <algorithm>
#include <cwchar>
#include <system_error>
#include <thread>
#include <utility>

#include <windows.h>

namespace examples {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(), what};
}

class handle {
public:
  explicit handle(HANDLE native = nullptr) : native_{native} {}
  handle(handle&& other) noexcept : native_{std::exchange(other.native_, nullptr)} {}
  handle& operator=(handle&& other) noexcept {
    std::swap(native_, other.native_);
    return *this;
  }
  ~handle() { close(); }

  HANDLE get() const noexcept { return native_; }
  void close() noexcept {
    if (native_)
      ::CloseHandle(std::exchange(native_, nullptr));
  }

private:
  HANDLE native_;
};

std::wstring widen(const std::string& text) {
  return std::filesystem::path{text}.wstring();
}

/// As the C runtime of the child takes it apart again: backslashes count double where a quote follows.
std::wstring quoted(const std::wstring& argument) {
  std::wstring result{L'"'};
  std::size_t backslashes = 0;
  for (auto each : argument) {
    if (each == L'"')
      result.append(backslashes + 1, L'\\');
    backslashes = each == L'\\' ? backslashes + 1 : 0;
    result += each;
  }
  result.append(backslashes, L'\\');
  return result += L'"';
}

std::wstring command_line(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
  auto result = quoted(program.wstring());
  for (auto& each : arguments)
    result += L' ' + quoted(widen(each));
  return result;
}

/// Whether both set the same variable. Case does not count in names.
bool same_name(const std::wstring& left, const wchar_t* right) {
  auto length = left.find(L'=') + 1;
  return ::_wcsnicmp(left.c_str(), right, length) == 0;
}

/// Each variable ends with a zero, and all of them with another.
std::wstring environment_with(const std::vector<std::string>& variables) {
  std::wstring result;
  std::vector<std::wstring> ours;
  for (auto& each : variables)
    result += ours.emplace_back(widen(each)) + L'\0';
  auto* inherited = ::GetEnvironmentStringsW();
  if (!inherited)
    fail("environment");
  for (auto* each = inherited; *each != L'\0'; each += std::wcslen(each) + 1)
    if (std::none_of(ours.begin(), ours.end(), [&](auto& other) { return same_name(other, each); }))
      result.append(each, std::wcslen(each) + 1);
  ::FreeEnvironmentStringsW(inherited);
  return result += L'\0';
}

/// Ends what is in it when its last handle is closed, and so with this program.
handle make_job() {
  handle job{::CreateJobObjectW(nullptr, nullptr)};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!job.get() || !::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof(limits)))
    fail("job");
  return job;
}

HANDLE inheritable(DWORD standard) {
  auto result = ::GetStdHandle(standard);
  ::SetHandleInformation(result, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
  return result;
}

/// Calls one of the functions of the system's lowest layer, which has no header, on a process.
void call_ntdll(const char* name, HANDLE process) noexcept {
  using function = LONG(NTAPI*)(HANDLE);
  auto found = ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), name);
  reinterpret_cast<function>(reinterpret_cast<void*>(found))(process);
}

} // namespace

struct child_process::native {
  handle process;
  DWORD pid = 0;
  handle job;
  handle output;
  bool suspended = false;
};

std::filesystem::path this_program() {
  std::wstring result(MAX_PATH, L'\0');
  for (;;) {
    auto size = ::GetModuleFileNameW(nullptr, result.data(), static_cast<DWORD>(result.size()));
    if (size == 0)
      fail("this program");
    if (size < result.size())
      return result.substr(0, size);
    result.resize(result.size() * 2);
  }
}

child_process::child_process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                             const child_settings& settings)
  : native_{std::make_unique<native>()} {
  auto file = program;
  if (!file.has_extension())
    file += ".exe";
  auto command = command_line(file, arguments);
  auto environment = environment_with(settings.variables);

  STARTUPINFOW startup{};
  startup.cb = sizeof(startup);
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = inheritable(STD_INPUT_HANDLE);
  startup.hStdOutput = inheritable(STD_OUTPUT_HANDLE);
  startup.hStdError = inheritable(STD_ERROR_HANDLE);
  handle writing;
  if (settings.captured) {
    HANDLE ends[2];
    if (!::CreatePipe(&ends[0], &ends[1], nullptr, 0))
      fail("pipe");
    native_->output = handle{ends[0]};
    writing = handle{ends[1]};
    ::SetHandleInformation(writing.get(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    startup.hStdOutput = writing.get();
  }
  if (settings.ends_with_us)
    native_->job = make_job();

  // in a group of its own it can be told to end without us, and begins when it is in its job
  PROCESS_INFORMATION started{};
  if (!::CreateProcessW(file.c_str(), command.data(), nullptr, nullptr, TRUE,
                        CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT, environment.data(),
                        nullptr, &startup, &started))
    fail(program.string());
  handle thread{started.hThread};
  native_->process = handle{started.hProcess};
  native_->pid = started.dwProcessId;
  if (settings.ends_with_us && !::AssignProcessToJobObject(native_->job.get(), native_->process.get())) {
    kill();
    fail("job");
  }
  ::ResumeThread(thread.get());
}

child_process::child_process(child_process&&) noexcept = default;

child_process::~child_process() {
  if (native_)
    end();
}

int child_process::pid() const noexcept {
  return static_cast<int>(native_->pid);
}

bool child_process::running() noexcept {
  return ::WaitForSingleObject(native_->process.get(), 0) == WAIT_TIMEOUT;
}

void child_process::terminate() noexcept {
  if (!::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, native_->pid)) // no console, no way to tell it anything
    kill();
  resume(); // a suspended process would not listen
}

void child_process::kill() noexcept {
  ::TerminateProcess(native_->process.get(), 137); // as a shell says it of kill -9
}

void child_process::suspend() noexcept {
  if (!std::exchange(native_->suspended, true))
    call_ntdll("NtSuspendProcess", native_->process.get());
}

void child_process::resume() noexcept {
  if (std::exchange(native_->suspended, false))
    call_ntdll("NtResumeProcess", native_->process.get());
}

bool child_process::read_more(std::chrono::milliseconds patience) {
  // an anonymous pipe can be asked, not waited for
  auto deadline = std::chrono::steady_clock::now() + patience;
  DWORD available = 0;
  for (;;) {
    if (!::PeekNamedPipe(native_->output.get(), nullptr, 0, nullptr, &available, nullptr))
      return false;
    if (available > 0)
      break;
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1}); // Windows has no wait for the bytes of such a pipe
  }
  char buffer[4096];
  DWORD size = 0;
  if (!::ReadFile(native_->output.get(), buffer, sizeof(buffer), &size, nullptr))
    return false;
  std::copy_if(buffer, buffer + size, std::back_inserter(unread_), [](char each) { return each != '\r'; });
  return true;
}

void kill_process(std::uint32_t pid) noexcept {
  if (handle victim{::OpenProcess(PROCESS_TERMINATE, FALSE, pid)}; victim.get())
    ::TerminateProcess(victim.get(), 1);
}

} // namespace examples
