#include <mailroom/runtime/this_process.hpp>

#include <mailroom/runtime/system_call_windows.hpp>

#include <cstdlib>
#include <random>

#include <windows.h>

#if defined(__MINGW32__) && defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace mailroom {

#if defined(__MINGW32__) && defined(__GLIBCXX__)

namespace {

/// At the end of a thread MinGW frees the memory of its `thread_local` objects by one key, and destroys them by another: whichever key
/// was made first comes first. This makes the right one before anybody uses such an object. The price is that those of the main thread
/// are destroyed after the static objects.
__attribute__((constructor(101))) void destroy_before_freeing() {
  abi::__cxa_thread_atexit([](void*) {}, nullptr, reinterpret_cast<void*>(&destroy_before_freeing));
}

} // namespace

#endif

std::uint32_t this_process_id() noexcept {
  return ::GetCurrentProcessId();
}

std::string this_program() {
  std::wstring path(32'768, L'\0'); // the longest that there is
  path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  auto name = narrow(std::filesystem::path{path}.stem().native());
  return name.empty() ? "process" : name;
}

incarnation new_incarnation() {
  std::random_device source;
  auto word = [&] { return std::uint64_t{source()} << 32 | source(); };
  incarnation result{word(), word()};
  return result.known() ? result : incarnation{1, 1};
}

void end_this_process(int code) noexcept {
  // ExitProcess would run the ends of the loaded libraries, with all other threads gone
  ::TerminateProcess(::GetCurrentProcess(), static_cast<UINT>(code));
  std::abort(); // never reached
}

} // namespace mailroom
