#include "machine.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <io.h>
#include <limits>
#include <system_error>
#include <windows.h>

namespace bench {

namespace {

/// A function of the system's lowest layer; null where it has none of that name.
template <class Function> Function* find_in_ntdll(const char* name) {
  auto found = ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), name);
  return reinterpret_cast<Function*>(reinterpret_cast<void*>(found));
}

std::string windows_version() {
  RTL_OSVERSIONINFOW version{};
  version.dwOSVersionInfoSize = sizeof(version);
  if (auto* ask = find_in_ntdll<LONG NTAPI(RTL_OSVERSIONINFOW*)>("RtlGetVersion"))
    ask(&version);
  return fmt::format("Windows {}.{}.{}", version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber);
}

/// As in ", by Wine 8.0 on Linux 6.1.0"; empty on Windows itself.
std::string wine_version() {
  auto* ask = find_in_ntdll<const char* __cdecl()>("wine_get_version");
  if (ask == nullptr)
    return {};
  const char* system = "";
  const char* release = "";
  if (auto* ask_host = find_in_ntdll<void __cdecl(const char**, const char**)>("wine_get_host_version"))
    ask_host(&system, &release);
  return fmt::format(", by Wine {} on {} {}", ask(), system, release);
}

std::string model_name() {
  std::array<wchar_t, 256> text{};
  DWORD size = sizeof(text);
  if (::RegGetValueW(HKEY_LOCAL_MACHINE, L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", L"ProcessorNameString",
                     RRF_RT_REG_SZ, nullptr, text.data(), &size)
      != ERROR_SUCCESS)
    return "unknown processor";
  return std::filesystem::path{text.data()}.string();
}

} // namespace

machine this_machine() {
  return {
    windows_version() + wine_version(), model_name(), static_cast<unsigned>(usable_cores().size()), "unknown", {}};
}

std::vector<int> usable_cores() {
  DWORD_PTR mine = 0;
  DWORD_PTR all = 0;
  std::vector<int> result;
  if (::GetProcessAffinityMask(::GetCurrentProcess(), &mine, &all))
    for (int core = 0; core < std::numeric_limits<DWORD_PTR>::digits; ++core)
      if ((mine >> core & 1) != 0)
        result.push_back(core);
  return result;
}

void pin_to(int core) {
  if (!::SetProcessAffinityMask(::GetCurrentProcess(), DWORD_PTR{1} << core))
    throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(), "SetProcessAffinityMask"};
}

/// Windows counts them for each thread, Wine does not: nobody counts.
std::optional<std::uint64_t> wake_ups() {
  return std::nullopt;
}

bool watched() {
  return ::_isatty(::_fileno(stderr)) != 0;
}

} // namespace bench
