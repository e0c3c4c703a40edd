#include <mailroom/runtime/this_process.hpp>

#include <array>
#include <cstdlib>
#include <random>
#include <unistd.h>

namespace mailroom {

std::uint32_t this_process_id() noexcept {
  return static_cast<std::uint32_t>(::getpid());
}

std::string this_program() {
  std::array<char, 4096> buffer;
  auto size = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  std::string_view path{buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  auto name = path.substr(path.rfind('/') + 1);
  return name.empty() ? "process" : std::string{name};
}

incarnation new_incarnation() {
  std::random_device source;
  auto word = [&] { return std::uint64_t{source()} << 32 | source(); };
  incarnation result{word(), word()};
  return result.known() ? result : incarnation{1, 1};
}

void end_this_process(int code) noexcept {
  ::_exit(code);
}

} // namespace mailroom
