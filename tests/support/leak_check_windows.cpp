#include <support/leak_check.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <windows.h>

#include <tlhelp32.h>

namespace test {

namespace {

std::set<std::uint32_t> threads_of(DWORD process) {
  mailroom::handle all{::CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0)};
  THREADENTRY32 each{};
  each.dwSize = sizeof(each);
  std::set<std::uint32_t> result;
  for (auto more = ::Thread32First(all.get(), &each); more != 0; more = ::Thread32Next(all.get(), &each))
    if (each.th32OwnerProcessID == process)
      result.insert(each.th32ThreadID);
  return result;
}

} // namespace

/// The handles that a program opens cannot be told from those that the system's own libraries keep for later, so they are not counted: what has
/// to be closed shows by its thread, its file or its name.
footprint footprint::now() {
  return {0, threads_of(::GetCurrentProcessId())};
}

} // namespace test
