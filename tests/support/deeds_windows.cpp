#include <support/deeds.hpp>

#include <mailroom/runtime/system_call_windows.hpp>
#include <support/process.hpp>

#include <windows.h>

#include <psapi.h>
#include <shellapi.h>

namespace test {

void start_descendant(const std::vector<std::string>& arguments) {
  auto program = running_program();
  auto command_line = L'"' + program.native() + L'"';
  for (auto& each : arguments)
    command_line += L" \"" + mailroom::widen(each) + L'"';
  STARTUPINFOW how{};
  how.cb = sizeof(how);
  PROCESS_INFORMATION started{};
  if (::CreateProcessW(program.c_str(), command_line.data(), nullptr, nullptr, FALSE,
                       DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP, nullptr, nullptr, &how, &started)
      == 0)
    throw mailroom::failure{mailroom::system_failure("CreateProcess", program.string())};
  ::CloseHandle(started.hThread);
  ::CloseHandle(started.hProcess);
}

void ignore_requests_to_end() {
  ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
}

std::vector<std::string> own_arguments(int, char**) {
  auto count = 0;
  auto** all = ::CommandLineToArgvW(::GetCommandLineW(), &count);
  std::vector<std::string> result;
  for (auto i = 1; i < count; ++i)
    result.push_back(mailroom::narrow(all[i]));
  ::LocalFree(all);
  return result;
}

bool children_can_be_asked() {
  return ::GetConsoleCP() != 0;
}

std::uint64_t memory_limit() {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  ::QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof(limits), nullptr);
  auto limited = (limits.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0;
  return limited ? limits.ProcessMemoryLimit : 0;
}

std::uint64_t resident_memory() {
  PROCESS_MEMORY_COUNTERS counters{};
  ::GetProcessMemoryInfo(::GetCurrentProcess(), &counters, sizeof(counters));
  return counters.WorkingSetSize;
}

std::uint64_t open_handles() {
  DWORD result = 0;
  ::GetProcessHandleCount(::GetCurrentProcess(), &result);
  return result;
}

void set_event(std::uint64_t handle) {
  ::SetEvent(reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(handle)));
}

bool hold_for_life(const std::filesystem::path& file) {
  auto* held = ::CreateFileW(file.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL,
                             nullptr); // nobody else opens it meanwhile
  return held != INVALID_HANDLE_VALUE;
}

int processes_with(std::string_view) {
  return 0;
}

} // namespace test
