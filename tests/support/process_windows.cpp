#include <support/process.hpp>

#include <mailroom/runtime/system_call_windows.hpp>
#include <support/environment.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <windows.h>

namespace test {

namespace {

constexpr unsigned exit_code_of_killed = 137;

using mailroom::handle;

/// Ends with the last handle on it, and so with this process: a test that is killed leaves nothing behind.
HANDLE children_of_this_process() {
  static handle result = [] {
    handle job{::CreateJobObjectW(nullptr, nullptr)};
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    ::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof(limits));
    return job;
  }();
  return result.get();
}

/// As the usual parsers of command lines take it for one argument. The tests use no quotation marks.
std::wstring quoted(const std::wstring& argument) {
  return L'"' + argument + L'"';
}

PROCESS_INFORMATION start(const std::filesystem::path& program, std::wstring command_line, bool inherits) {
  STARTUPINFOW how{};
  how.cb = sizeof(how);
  PROCESS_INFORMATION result{};
  if (::CreateProcessW(program.c_str(), command_line.data(), nullptr, nullptr, inherits ? TRUE : FALSE, 0, nullptr,
                       nullptr, &how, &result)
      == 0)
    throw mailroom::failure{mailroom::system_failure("CreateProcess", program.string())};
  ::CloseHandle(result.hThread);
  return result;
}

/// Of ntdll, which has no import library everywhere: all threads of a process at once.
void call_with_process(const char* function, HANDLE process) {
  using function_type = LONG(NTAPI*)(HANDLE);
  auto* found = ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), function);
  if (found == nullptr)
    throw std::runtime_error{function};
  reinterpret_cast<function_type>(reinterpret_cast<void*>(found))(process);
}

} // namespace

process::process(const std::filesystem::path& program, std::vector<std::string> arguments,
                 const std::filesystem::path& directory) {
  auto path = program;
  path.make_preferred().replace_extension(".exe");
  auto command_line = quoted(path.native());
  for (auto& each : arguments)
    command_line += L' ' + quoted(mailroom::widen(each));
  environment_variable inherited{"MAILROOM_DIR", mailroom::narrow(directory.native())};
  auto started = start(path, command_line, false);
  pid_ = static_cast<int>(started.dwProcessId);
  native_ = started.hProcess;
  ::AssignProcessToJobObject(children_of_this_process(), native_);
}

process::~process() {
  if (native_ != nullptr) {
    kill();
    wait();
  }
}

process::process(process&& other) noexcept
  : pid_{std::exchange(other.pid_, 0)}, native_{std::exchange(other.native_, nullptr)} {
  // nop
}

process& process::operator=(process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(native_, other.native_);
  return *this;
}

void process::stop() const {
  call_with_process("NtSuspendProcess", native_);
}

void process::resume() const {
  call_with_process("NtResumeProcess", native_);
}

void process::kill() const {
  ::TerminateProcess(native_, exit_code_of_killed);
}

int process::wait() {
  return *wait_for(-1);
}

std::optional<int> process::wait_for(int milliseconds) {
  if (::WaitForSingleObject(native_, milliseconds < 0 ? INFINITE : static_cast<DWORD>(milliseconds)) != WAIT_OBJECT_0)
    return std::nullopt;
  DWORD result = 0;
  ::GetExitCodeProcess(native_, &result);
  ::CloseHandle(std::exchange(native_, nullptr));
  pid_ = 0;
  return static_cast<int>(result);
}

const mailroom::process_exit killed{exit_code_of_killed, 0};
const std::string_view killed_in_words = "it exited with code 137";

std::int64_t start_heir(int seconds) {
  auto program = running_program();
  auto started = start(program, quoted(program.native()) + L" --heir " + std::to_wstring(seconds), true);
  ::CloseHandle(started.hProcess);
  return started.dwProcessId;
}

bool lives(std::int64_t pid) {
  handle found{::OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid))};
  return found && ::WaitForSingleObject(found.get(), 0) == WAIT_TIMEOUT;
}

void kill(std::int64_t pid) {
  handle found{::OpenProcess(PROCESS_TERMINATE, FALSE, static_cast<DWORD>(pid))};
  if (found)
    ::TerminateProcess(found.get(), exit_code_of_killed);
}

void stop(std::int64_t pid) {
  handle found{::OpenProcess(PROCESS_SUSPEND_RESUME, FALSE, static_cast<DWORD>(pid))};
  if (found)
    call_with_process("NtSuspendProcess", found.get());
}

std::filesystem::path running_program() {
  std::wstring path(32'768, L'\0'); // the longest that there is
  path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  return path;
}

} // namespace test
